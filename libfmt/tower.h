/* The vision part of a model that sees: its parameters, counted from config.json alone. */
#ifndef FMT_TOWER_H
#define FMT_TOWER_H

#include <libfmt/estimate.h>
#include <libfmt/json.h>

/* Every class of transformers that has a vision part makes one whether config.json describes it or not; what it does not
 * say is the class's default.
 * model_type  of config.json's root
 * text_width  of the language model, which the part ends in
 * *other      how many, and whether that is known; nothing but other->known set for a model without such a part
 * returns false with *err set, which names the key, if a number is of the wrong kind or out of range */
bool tower_count(const struct json *config, struct fmt_str model_type, uint64_t text_width, struct fmt_other_parts *other,
                 struct fmt_err *err);

#endif
