/* SPDX-License-Identifier: MIT */
#include "conda/active_depends.h"

#include "base/map.h"
#include "base/vec.h"
#include "conda/package_record.h"

struct finder {
    struct envm_arena *arena;
    struct envm_arena scratch;
    const struct envm_active_question *question;
    struct envm_map records; /* name -> the record, virtual packages among them */
    struct envm_map asked;   /* "NAME\nEXTRA" -> 1 */
};

static bool is_virtual(envm_str name)
{
    return envm_str_starts_with(name, ENVM_STR("__"));
}

static bool is_there(const struct finder *f, const struct envm_match_spec *spec)
{
    envm_str name = envm_match_spec_exact_name(spec);
    const uint64_t *found = envm_map_find(&f->records, name);

    if (is_virtual(name) && f->question->virtual_packages.count == 0)
        return true;
    return found &&
           envm_match_spec_matches(spec, (const struct envm_package_record *)(uintptr_t)*found);
}

static bool holds(const struct finder *f, const struct envm_condition *condition)
{
    bool values[ENVM_CONDITION_STEPS_MAX + 1] = {true};
    size_t count = 0;

    for (size_t i = 0; condition && i < condition->count; i++) {
        const struct envm_condition_step *step = &condition->steps[i];
        if (step->op == ENVM_CONDITION_SPEC) {
            values[count++] = is_there(f, step->spec);
            continue;
        }
        count--;
        values[count - 1] = step->op == ENVM_CONDITION_AND ? values[count - 1] && values[count]
                                                           : values[count - 1] || values[count];
    }
    return values[0];
}

/* Whether the spec counts; notes the extras that it asks for. */
static bool counts(struct finder *f, const struct envm_match_spec *spec)
{
    struct envm_str_list extras = envm_match_spec_extras(spec);
    envm_str name = envm_match_spec_exact_name(spec);

    if (!holds(f, envm_match_spec_condition(spec)))
        return false;
    for (size_t i = 0; i < extras.count; i++)
        envm_map_set(&f->asked,
                     envm_arena_printf(&f->scratch, "%.*s\n%.*s", ENVM_STR_ARGS(name),
                                       ENVM_STR_ARGS(extras.items[i])),
                     1);
    return true;
}

static bool text_counts(struct finder *f, envm_str text)
{
    const struct envm_match_spec *spec;

    /* keys stand in brackets; nearly no dependency has any */
    if (envm_str_find_char(text, '[') == SIZE_MAX ||
        envm_match_spec_parse(&f->scratch, text, &spec, NULL) != ENVM_OK)
        return true;
    return counts(f, spec);
}

static bool is_asked(struct finder *f, const struct envm_package_record *record, envm_str extra)
{
    return !f->question->requests_known ||
           envm_map_find(&f->asked,
                         envm_arena_printf(&f->scratch, "%.*s\n%.*s", ENVM_STR_ARGS(record->name),
                                           ENVM_STR_ARGS(extra)));
}

static void add_counting(struct finder *f, struct envm_str_list texts, envm_str *items,
                         size_t *count)
{
    for (size_t i = 0; i < texts.count; i++)
        if (text_counts(f, texts.items[i]))
            items[(*count)++] = texts.items[i];
}

static struct envm_str_list depends_of(struct finder *f, const struct envm_package_record *record)
{
    size_t most = record->depends.count, count = 0;

    for (size_t i = 0; i < record->extra_depends_count; i++)
        most += record->extra_depends[i].depends.count;
    envm_str *items = envm_arena_new_array(f->arena, envm_str, most);
    add_counting(f, record->depends, items, &count);
    for (size_t i = 0; i < record->extra_depends_count; i++)
        if (is_asked(f, record, record->extra_depends[i].name))
            add_counting(f, record->extra_depends[i].depends, items, &count);
    return (struct envm_str_list){items, count};
}

static bool is_plain(const struct envm_package_record *record)
{
    if (record->extra_depends_count > 0)
        return false;
    for (size_t i = 0; i < record->depends.count; i++)
        if (envm_str_find_char(record->depends.items[i], '[') != SIZE_MAX)
            return false;
    return true;
}

static void note_records(struct finder *f, const struct envm_record_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        envm_map_set(&f->records, list->items[i]->name, (uint64_t)(uintptr_t)list->items[i]);
}

struct envm_str_list *envm_active_depends(struct envm_arena *arena,
                                          const struct envm_active_question *question)
{
    const struct envm_record_list *records = &question->records;
    struct envm_str_list *lists = envm_arena_new_array(arena, struct envm_str_list, records->count);
    struct finder f = {.arena = arena, .question = question};
    size_t before;

    note_records(&f, records);
    note_records(&f, &question->virtual_packages);
    for (size_t i = 0; i < question->request_count; i++)
        (void)counts(&f, question->requests[i]);
    /* an extra may ask for another one, of a record that was looked at before */
    do {
        before = f.asked.count;
        for (size_t i = 0; i < records->count; i++)
            lists[i] = is_plain(records->items[i]) ? records->items[i]->depends
                                                   : depends_of(&f, records->items[i]);
    } while (f.asked.count != before && question->requests_known);
    envm_map_release(&f.records);
    envm_map_release(&f.asked);
    envm_arena_release(&f.scratch);
    return lists;
}
