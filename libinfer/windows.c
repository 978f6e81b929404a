/* Running a text in windows. See <libinfer/windows.h>. */
#include <libinfer/windows.h>

#include "run.h"

#include <inttypes.h>
#include <stdlib.h>

/* Logits are made and looked at so many positions at a time: large vocabularies take a megabyte for each. */
enum { POSITIONS = 32 };

static bool too_short(struct fmt_err *err, uint64_t n, uint64_t want)
{
	return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "the text has %" PRIu64 " tokens, and the first window takes %" PRIu64
	                ": give more text, or a smaller --ctx", n, want);
}

bool infer_windows_init(struct infer_windows *w, enum infer_method method, const int32_t *ids, uint64_t n, uint32_t ctx,
                        uint32_t stride, int32_t bos, struct fmt_err *err)
{
	*w = (struct infer_windows){ .method = method, .ids = ids, .n = n, .size = ctx, .step = stride ? stride : ctx, .bos = -1 };
	if (method == INFER_METHOD_HUGGING_FACE) {
		if (n < 2)
			return too_short(err, n, 2);
		w->scored = stride ? stride : ctx - 1;
		w->n_windows = n <= ctx ? 1 : 1 + (n - ctx + w->step - 1) / w->step;
		return true;
	}
	if (stride) {
		w->size = ctx + stride / 2;
		w->scored = stride < w->size ? stride : w->size - 1;
		w->n_windows = n > w->size ? (n - w->size + stride - 1) / stride : 0;
		return w->n_windows || too_short(err, n, (uint64_t)w->size + 1);
	}
	w->bos = bos;
	w->scored = ctx - 1 - ctx / 2;
	w->n_windows = n / ctx;
	return w->n_windows || too_short(err, n, ctx);
}

struct window {
	const int32_t *ids;
	uint32_t n, first; /* tokens from `first` on are scored */
	double weight;
};

static struct window window_at(const struct infer_windows *w, uint64_t k)
{
	uint64_t begin = k * w->step, left = w->n - begin;
	struct window at = { .ids = w->ids + begin, .n = left < w->size ? (uint32_t)left : w->size, .weight = 1 };
	uint32_t fresh;

	at.first = at.n - w->scored;
	if (w->method != INFER_METHOD_HUGGING_FACE)
		return at;
	fresh = k ? at.n - (w->size - w->step) : at.n;
	at.first = fresh < at.n ? at.n - fresh : 1;
	if (fresh < at.n)
		at.weight = (double)(fresh - 1) / fresh;
	return at;
}

static bool go_on(const struct infer_windows *w, struct fmt_err *err)
{
	return !w->stop || !atomic_load_explicit(w->stop, memory_order_relaxed) ||
	       fmt_fail(err, FMT_IO, FMT_NO_OFFSET, "interrupted");
}

/* Feeds tokens [from, to) of the window; of logits NULL, nothing is made of them. */
static bool feed(const struct infer_windows *w, const struct window *at, struct infer_run *r, uint32_t from, uint32_t to,
                 float *logits, struct fmt_err *err)
{
	if (!go_on(w, err))
		return false;
	if (from == 0 && to > 0) {
		infer_run_reset(r);
		if (w->bos >= 0) {
			if (!infer_eval(r, &w->bos, 1, true, logits, err))
				return false;
			from = 1;
			logits = logits ? logits + r->model->n_vocab : NULL;
		}
	}
	return from == to || infer_eval(r, at->ids + from, to - from, true, logits, err);
}

static bool run_window(const struct infer_windows *w, uint64_t k, struct infer_run *const *runs, int n_runs, float **logits,
                       infer_row_fn *fn, void *user, uint64_t *number, struct fmt_err *err)
{
	struct window at = window_at(w, k);
	struct infer_row row = { .weight = at.weight };
	uint32_t to;

	for (int i = 0; i < n_runs; i++)
		if (!feed(w, &at, runs[i], 0, at.first - 1, NULL, err))
			return false;
	for (uint32_t from = at.first - 1; from + 1 < at.n; from = to) {
		to = at.n - 1 - from < POSITIONS ? at.n - 1 : from + POSITIONS;
		for (int i = 0; i < n_runs; i++)
			if (!feed(w, &at, runs[i], from, to, logits[i], err))
				return false;
		for (uint32_t t = from; t < to; t++) {
			for (int i = 0; i < n_runs; i++)
				row.logits[i] = logits[i] + (size_t)(t - from) * runs[i]->model->n_vocab;
			row.id = at.ids[t + 1];
			row.number = (*number)++;
			if (!fn(user, &row, err))
				return false;
		}
	}
	return true;
}

static float *logits_alloc(const struct infer_run *r, struct fmt_err *err)
{
	size_t n = r->model->n_vocab;
	float *logits = n > SIZE_MAX / POSITIONS / sizeof(float) ? NULL : malloc(n * POSITIONS * sizeof *logits);

	if (!logits)
		fmt_fail_nomem(err, (uint64_t)n * POSITIONS * sizeof *logits);
	return logits;
}

static bool check_ids(const struct infer_windows *w, uint32_t n_vocab, struct fmt_err *err)
{
	for (uint64_t i = 0; i < w->n; i++)
		if (w->ids[i] < 0 || (uint32_t)w->ids[i] >= n_vocab)
			return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "token %" PRIu64 " of the text is %" PRId32
			                ", and the model has %" PRIu32, i, w->ids[i], n_vocab);
	return true;
}

bool infer_windows_run(const struct infer_windows *w, struct infer_run *const *runs, int n_runs, infer_row_fn *fn, void *user,
                       struct fmt_err *err)
{
	float *logits[2] = { NULL, NULL };
	uint64_t number = 0;
	bool ok = true;

	for (int i = 0; ok && i < n_runs; i++)
		ok = check_ids(w, runs[i]->model->n_vocab, err) && (logits[i] = logits_alloc(runs[i], err));
	for (uint64_t k = 0; ok && k < w->n_windows; k++) {
		ok = run_window(w, k, runs, n_runs, logits, fn, user, &number, err);
		if (ok && w->progress)
			w->progress(w->user, k + 1, w->n_windows);
	}
	free(logits[0]);
	free(logits[1]);
	return ok;
}

bool infer_windows_bos(const struct infer_tokenizer *t, int32_t *bos, struct fmt_err *err)
{
	struct infer_tokens first = { 0 };

	*bos = -1;
	if (!infer_tokenize(t, "", 0, INFER_TOK_ADD_SPECIAL, &first, err))
		return false;
	if (first.n && !infer_token_ends(t, first.ids[0]))
		*bos = first.ids[0];
	infer_tokens_finish(&first);
	return true;
}

/* Logits, where they are made, come a few positions at a time. */
static bool feed_all(const struct infer_windows *w, uint64_t k, struct infer_run *r, float *logits, struct fmt_err *err)
{
	struct window at = window_at(w, k);
	uint32_t step = logits ? POSITIONS : at.n;

	for (uint32_t from = 0; from < at.n; from += step)
		if (!feed(w, &at, r, from, at.n - from < step ? at.n : from + step, logits, err))
			return false;
	return true;
}

bool infer_windows_feed(const struct infer_windows *w, struct infer_run *run, bool with_logits,
                        bool (*after)(void *user, uint64_t window, struct fmt_err *err), void *user, struct fmt_err *err)
{
	float *logits = NULL;
	bool ok = check_ids(w, run->model->n_vocab, err) && (!with_logits || (logits = logits_alloc(run, err)));

	for (uint64_t k = 0; ok && k < w->n_windows; k++) {
		ok = feed_all(w, k, run, logits, err) && after(user, k, err);
		if (ok && w->progress)
			w->progress(w->user, k + 1, w->n_windows);
	}
	free(logits);
	return ok;
}
