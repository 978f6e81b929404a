/* Sums of squared activations while they are collected, by weight; written as llama-imatrix writes them.
 *
 * Sums are kept in double and become float when written, so that a sum of many files or windows loses nothing on the way. */
#ifndef LIBFMT_IMATRIX_SUMS_H
#define LIBFMT_IMATRIX_SUMS_H

#include <libfmt/imatrix.h>
#include <libfmt/sink.h>

struct fmt_imatrix_sum {
	struct fmt_str name; /* of the weight: "blk.0.attn_q.weight" */
	uint64_t n_values;   /* columns, times matrices of a stacked weight */
	double *sums;        /* of squares, matrix by matrix */
	uint64_t n_counts;   /* 1; of experts: one for each */
	uint64_t *counts;    /* rows that were added */
};

struct fmt_imatrix_sums {
	uint64_t n_chunks;   /* windows of text in it; the collector counts them up */
	uint32_t chunk_size; /* tokens of a window */
	struct fmt_str work; /* what unfinished work is, the caller's words; */
	uint64_t n_done;     /* and how many windows of it are in */
	uint64_t n_entries;
	struct fmt_imatrix_sum *entries; /* in the order in which they came */
	struct fmt_imatrix_sums_impl *impl;
};

/* returns NULL with *err set: no memory */
struct fmt_imatrix_sums *fmt_imatrix_sums_create(uint32_t chunk_size, struct fmt_err *err);
void fmt_imatrix_sums_destroy(struct fmt_imatrix_sums *s); /* NULL is fine */

/* The entry of that name, zeros if it is new. One with a single count is given as many as are asked for.
 * returns NULL with *err set: no memory, or the entry has another shape; what it returns is valid until the next call */
struct fmt_imatrix_sum *fmt_imatrix_sums_at(struct fmt_imatrix_sums *s, struct fmt_str name, uint64_t n_values,
                                            uint64_t n_counts, struct fmt_err *err);

/* Says that text of that name went in; the last one is what the .dat layout names. */
bool fmt_imatrix_sums_dataset(struct fmt_imatrix_sums *s, struct fmt_str name, struct fmt_err *err);

/* Adds what a file has. The .dat layout says how many windows its means are of, not how many rows: those are windows times
 * chunk_size then, as llama-imatrix takes them. */
bool fmt_imatrix_sums_merge(struct fmt_imatrix_sums *s, const struct fmt_imatrix *im, struct fmt_err *err);

/* The matrix that fmt_imatrix_open would give of these sums if they were written as a GGUF called `path`, which is not looked
 * at and outlives it. Entries in the order in which they came.
 * returns NULL with *err set: no memory, or a sum past what a float can hold */
struct fmt_imatrix *fmt_imatrix_of_sums(const struct fmt_imatrix_sums *s, const char *path, struct fmt_err *err);

/* The last is for going on later: sums and counts stay exact, and what is merged from it into nothing is just what was there. */
enum fmt_imatrix_layout { FMT_IMATRIX_GGUF, FMT_IMATRIX_DAT, FMT_IMATRIX_UNFINISHED };

/* Writes all entries by name. In the .dat layout, which has no counts, an expert that was never used gets values of 1, and a
 * weight that was never used is left out.
 * n_bytes   out: of the file, for fmt_sink_commit */
bool fmt_imatrix_sums_write(const struct fmt_imatrix_sums *s, enum fmt_imatrix_layout layout, struct fmt_sink *sink,
                            uint64_t *n_bytes, struct fmt_err *err);

#endif
