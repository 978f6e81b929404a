/* Types that a person asks for by name: --tensor-type REGEX=TYPE. */
#ifndef LIBQUANT_OVERRIDE_H
#define LIBQUANT_OVERRIDE_H

#include <libfmt/model.h>

struct quant_overrides;

struct quant_overrides *quant_overrides_create(struct fmt_err *err);
void quant_overrides_destroy(struct quant_overrides *o); /* NULL is fine */

/* "REGEX=TYPE": a POSIX extended expression, with \d for a digit and (?:...) besides, that is searched in tensors' names, and
 * the name of a type, both in any case: "attn_v=q8_0", "blk\.(0|1)\.ffn_down=Q6_K". FMT_USAGE if it is not of this form, or would
 * take the system's compiler of expressions more than a moment. */
bool quant_overrides_add(struct quant_overrides *o, const char *text, struct fmt_err *err);

/* The same from a file, separated by white space; from a '#' to the end of the line is a comment. */
bool quant_overrides_add_file(struct quant_overrides *o, const char *path, struct fmt_err *err);

/* The number of the first one that matches the name, or -1. */
int quant_overrides_find(const struct quant_overrides *o, struct fmt_str name);
bool quant_overrides_match(const struct quant_overrides *o, int i, struct fmt_str name); /* does number i? */
enum fmt_type quant_overrides_type(const struct quant_overrides *o, int i);
const char *quant_overrides_text(const struct quant_overrides *o, int i); /* as it was given */
int quant_overrides_count(const struct quant_overrides *o); /* of NULL: 0 */

/* A type by its name in any case, if tensors can be written in it. */
bool quant_type_named(const char *name, size_t n, enum fmt_type *t);

#endif
