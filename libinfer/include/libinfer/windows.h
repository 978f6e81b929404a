/* A long text in windows: each is run from an empty cache, and some of its tokens are scored, that is predicted from those
 * before them in the window. */
#ifndef LIBINFER_WINDOWS_H
#define LIBINFER_WINDOWS_H

#include <stdatomic.h>

#include <libinfer/infer.h>
#include <libinfer/tokenizer.h>

enum infer_method {
	INFER_METHOD_LLAMA_CPP,    /* llama-perplexity's: of each window its second half, or the last `stride` tokens */
	INFER_METHOD_HUGGING_FACE, /* of the first window all tokens but one, of each other what the one before had not */
};

struct infer_windows {
	enum infer_method method;
	const int32_t *ids;
	uint64_t n;         /* of ids */
	uint32_t size;      /* tokens of a window; the last one may be shorter (Hugging Face) */
	uint32_t step;      /* from the begin of one window to that of the next */
	uint32_t scored;    /* the last tokens of a window; Hugging Face: where nothing below that says otherwise */
	int32_t bos;        /* stands in the place of each window's first token; negative: nothing does */
	uint64_t n_windows;
	void (*progress)(void *user, uint64_t done, uint64_t total); /* after each window; NULL: nobody asks */
	void *user;
	const atomic_int *stop; /* not NULL: the run ends with an error soon after it becomes nonzero */
};

/* ctx     tokens of a window, at least 2. llama.cpp makes a strided one longer by half a stride
 * stride  0: windows do not overlap; at most ctx
 * bos     what llama.cpp puts first in each window, where they do not overlap; negative: nothing
 * returns false with *err set (FMT_USAGE) if the text has not one window; w->n_windows may be lowered afterwards */
bool infer_windows_init(struct infer_windows *w, enum infer_method method, const int32_t *ids, uint64_t n, uint32_t ctx,
                        uint32_t stride, int32_t bos, struct fmt_err *err);

/* What llama.cpp puts first in every window: the token that the tokenizer puts before a text; -1: none. */
bool infer_windows_bos(const struct infer_tokenizer *t, int32_t *bos, struct fmt_err *err);

/* Runs every window from its first token to its last and scores nothing: for what watches the run.
 * with_logits  every token goes through the output matrix too; else none does
 * after        called after each window with its number; what it or a watcher leaves in *err ends the run */
bool infer_windows_feed(const struct infer_windows *w, struct infer_run *run, bool with_logits,
                        bool (*after)(void *user, uint64_t window, struct fmt_err *err), void *user, struct fmt_err *err);

/* One scored token. */
struct infer_row {
	const float *logits[2]; /* [vocab] of each run, at the position before the token */
	int32_t id;             /* the token */
	uint64_t number;        /* of the rows before it */
	double weight;          /* 1; in Hugging Face's sum a window that overlaps another counts for one token less than it
	                           scores */
};
typedef bool infer_row_fn(void *user, const struct infer_row *row, struct fmt_err *err);

/* Runs every window through one run, or two of one vocabulary, and calls fn for each scored token in order.
 * runs    with a context of at least w->size
 * returns false with *err set: an id outside the vocabulary, what fn set */
bool infer_windows_run(const struct infer_windows *w, struct infer_run *const *runs, int n_runs, infer_row_fn *fn, void *user,
                       struct fmt_err *err);

#endif
