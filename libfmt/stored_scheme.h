/* The settings of a quantized checkpoint: one layout for its matrices, and which modules it leaves alone. */
#ifndef LIBFMT_STORED_SCHEME_H
#define LIBFMT_STORED_SCHEME_H

#include <libfmt/json.h>
#include <libfmt/stored.h>

#include "arena.h"

/* How a matrix of rows (outputs) and columns (inputs) is stored. */
struct stored_layout {
	unsigned bits;
	uint64_t block_rows, block_cols; /* of the elements that share a scale; 0: all */
	uint64_t scale_bytes;
	uint64_t flat;         /* so many elements share a scale, in the order of rows, wherever one ends; 0: blocks as above */
	uint64_t row_word;     /* packed values are whole words of so many bits, per row; 0: they need not be */
	uint64_t zero_word;    /* a packed zero point of `bits` per scale, in words of so many bits down the rows; 0: none */
	uint64_t column_bytes; /* per column: the group it is in */
	uint64_t fixed_bytes;  /* per matrix */
	uint64_t multiple;     /* of both sides; 0: any */
	bool nested;           /* bitsandbytes' double quantization: scales are bytes in blocks of 256 */
	const char *text_type; /* bitsandbytes' text beside a matrix names it; NULL: there is none */
};

struct stored_pattern;

struct stored_scheme {
	struct stored_layout layout;
	bool only_experts;     /* MXFP4 */
	bool embedding_too;    /* MLX */
	bool output_too;       /* the output matrix is quantized, unless a name below says no */
	uint64_t n_names;
	struct stored_pattern *names; /* of modules that stay as they are */
};

/* Reads "quantization_config". Fills in s->method, s->known, s->about, s->why and s->bits. The names live in mem.
 * type    that config.json names for the weights
 * returns false with *err set, which names the key */
bool stored_scheme_read(struct stored_scheme *q, struct fmt_stored *s, const struct json *config, enum fmt_type type,
                        struct fmt_arena *mem, struct fmt_err *err);

/* Whether a module ("model.layers.0.mlp.gate") is among those that stay. */
bool stored_scheme_keeps(const struct stored_scheme *q, const char *module);

/* stored_names.c: one more name. false with *err set: no memory. *odd is set where it is a pattern that is not understood. */
bool stored_add_name(struct stored_scheme *q, struct fmt_str name, struct fmt_arena *mem, bool *odd, struct fmt_err *err);

#endif
