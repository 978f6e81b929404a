/* What fits into one piece of memory. See <libfmt/fit.h>. */
#include <libfmt/fit.h>

#include "ckd.h"

uint64_t fmt_fit_margin(uint64_t memory)
{
	uint64_t usual = UINT64_C(1) << 30;

	return memory / 8 < usual ? memory / 8 : usual;
}

bool fmt_fit_beside(const struct fmt_fit *f, uint64_t context, uint64_t sequences, struct fmt_runtime_bytes *b,
                    struct fmt_err *err)
{
	struct fmt_runtime_opts o = f->runtime;
	struct fmt_cache_opts c = { .keep = f->keep, .type = o.k_type, .context = context, .ubatch = o.ubatch,
		                        .sequences = sequences };

	*b = (struct fmt_runtime_bytes){ .total = 0 };
	o.context = context;
	o.sequences = sequences;
	if (!f->e->layers_known)
		return true;
	if (f->keep == FMT_KEEP_LLAMA_CPP)
		return fmt_runtime_bytes(f->e, &o, b, err);
	if (!fmt_estimate_cache(f->e, &c, &b->kv, &b->state, err))
		return false;
	return !ckd_add(&b->total, b->kv, b->state) ||
	       fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the cache's size does not fit into 64 bits");
}

uint64_t fmt_fit_taken(const struct fmt_fit *f, uint64_t weights, uint64_t context, uint64_t sequences)
{
	struct fmt_err ignored = { .code = FMT_OK };
	struct fmt_runtime_bytes b;
	uint64_t sum = 0;

	if (!fmt_fit_beside(f, context, sequences, &b, &ignored) || ckd_add(&sum, weights, b.total))
		return UINT64_MAX;
	return sum;
}

bool fmt_fit_holds(const struct fmt_fit *f, uint64_t taken)
{
	return f->margin <= f->memory && taken <= f->memory - f->margin;
}

/* Whether it holds with so many of what is looked for: positions or sequences. */
typedef bool holds_fn(const struct fmt_fit *f, uint64_t weights, uint64_t n);

static bool holds_context(const struct fmt_fit *f, uint64_t weights, uint64_t n)
{
	return fmt_fit_holds(f, fmt_fit_taken(f, weights, n, f->runtime.sequences));
}

static bool holds_sequences(const struct fmt_fit *f, uint64_t weights, uint64_t n)
{
	return fmt_fit_holds(f, fmt_fit_taken(f, weights, f->runtime.context, n));
}

/* The most that holds. All and none are common, and asked for first: a runtime's buffers are work to count. */
static uint64_t most_that_holds(const struct fmt_fit *f, uint64_t weights, uint64_t most, holds_fn *holds)
{
	uint64_t low, high;

	if (!most || !holds(f, weights, 1))
		return 0;
	if (holds(f, weights, most))
		return most;
	for (low = 1, high = most - 1; low < high;) {
		uint64_t mid = high - (high - low) / 2;

		if (holds(f, weights, mid))
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

uint64_t fmt_fit_context(const struct fmt_fit *f, uint64_t weights, uint64_t most)
{
	return most_that_holds(f, weights, most, holds_context);
}

uint64_t fmt_fit_sequences(const struct fmt_fit *f, uint64_t weights, uint64_t most)
{
	return most_that_holds(f, weights, most, holds_sequences);
}
