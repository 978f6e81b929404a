/* Importance matrices as llama-imatrix writes them: how strongly each column of a weight is used.
 *
 * Two layouts: a GGUF of general.type "imatrix" with two tensors per weight, NAME.in_sum2 (sums of squared activations)
 * and NAME.counts (how many of them); and the older .dat, little endian: a count of entries, then per entry the length
 * of the name, the name, a number of calls, a number of values, the values; then the number of chunks, and the length
 * and name of the text. Source: llama.cpp, tools/imatrix and tools/quantize, August 2026.
 *
 * What llm-imatrix has not finished is such a GGUF too, with sums and counts in F64 and the keys imatrix.work and imatrix.done,
 * so that nothing is lost by stopping. */
#ifndef LIBFMT_IMATRIX_H
#define LIBFMT_IMATRIX_H

#include <libfmt/model.h>

struct fmt_imatrix_entry {
	struct fmt_str name;   /* of the weight: "blk.0.attn_q.weight" */
	uint64_t n_values;     /* columns, times experts of a stacked weight */
	const float *values;   /* mean squares, expert by expert; finite and never negative */
	uint64_t n_counts;     /* experts that are counted apart; 0: not said (.dat) */
	const float *counts;   /* 0: never used, and its values are 0 */
	const float *sums;     /* [n_values] of squares, as the GGUF has them; NULL: .dat */
	uint64_t n_calls;      /* .dat: of how many windows of text the values are the mean */
	const double *exact_sums, *exact_counts; /* the same in 64 bits, of unfinished work; else NULL */
};

struct fmt_imatrix {
	const char *path;
	uint64_t n_entries;
	const struct fmt_imatrix_entry *entries; /* in file order */
	struct fmt_str dataset;                  /* the text it was made from, the first of several; empty if not said */
	const struct fmt_str *datasets;          /* all of them */
	uint64_t n_datasets;
	uint64_t n_chunks;                       /* windows of text; 0 if not said */
	uint64_t chunk_size;                     /* their tokens; 0 if not said (.dat) */
	struct fmt_str work;                     /* of unfinished work: what it is, else empty; */
	uint64_t n_done;                         /* and how many windows of it are in */
	struct fmt_imatrix_impl *impl;
};

/* Reads the whole file. Values that are negative or not finite are refused, with their place.
 * returns NULL with *err set */
struct fmt_imatrix *fmt_imatrix_open(const char *path, struct fmt_err *err);
void fmt_imatrix_close(struct fmt_imatrix *im); /* NULL is fine */

/* The same for the model without some layers: see fmt_view_prune. */
bool fmt_imatrix_prune(struct fmt_imatrix *im, const uint32_t *layers, size_t n, struct fmt_err *err);

const struct fmt_imatrix_entry *fmt_imatrix_find(const struct fmt_imatrix *im, struct fmt_str name); /* NULL: none */

#endif
