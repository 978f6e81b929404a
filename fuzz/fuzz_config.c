/* The text of a config.json: counted, cached, explained, run and trained as llm-mem does it, and the sums must agree. */
#include <stdlib.h>
#include <string.h>

#include <libfmt/explain.h>
#include <libfmt/runtime.h>
#include <libfmt/speed.h>
#include <libfmt/stored.h>
#include <libfmt/train.h>

#include "fuzz.h"

/* What tensors by kind come to is what was counted. */
static void explain(const struct fmt_view *v, const struct fmt_estimate *e)
{
	uint64_t sums[FMT_SHARE_COUNT] = { 0 };
	struct fmt_origin_set used = { { 0 } };
	struct fmt_err err = { 0 };
	struct fmt_tensor_kinds k;
	struct fmt_origin o;
	char text[FMT_TERMS_BYTES];

	if (!fmt_tensor_kinds_init(&k, v, e, &err))
		abort();
	for (size_t i = 0; i < k.n; i++) {
		for (uint32_t d = 0; d < k.kinds[i].first->n_dims; d++)
			if (!*fmt_explain_dim(v, k.kinds[i].first, d, text, &used))
				abort();
		sums[k.kinds[i].share] += k.kinds[i].n_tensors * k.kinds[i].first->n_elems;
	}
	for (int s = 0; s < FMT_SHARE_COUNT; s++)
		if (sums[s] + k.others[s] != e->by_share[s])
			abort();
	for (int n = FMT_NUMBER_LAYERS; n <= FMT_NUMBER_MODEL_WIDTH; n++)
		fmt_explain_number(v, (enum fmt_number)n, text, &used);
	for (unsigned i = 0; i < FMT_MAX_ORIGINS; i++)
		if (fmt_origin_get(v, i, &o) ? !o.key.p : fmt_origin_in(&used, i))
			abort();
	fmt_tensor_kinds_finish(&k);
}

/* More context takes no less. */
static void caches(const struct fmt_estimate *e)
{
	for (int keep = 0; keep < FMT_KEEP_COUNT; keep++) {
		uint64_t before = 0, kv = 0, state = 0;

		for (uint64_t context = 1; context <= UINT64_C(1) << 40; context *= 32) {
			struct fmt_cache_opts o = { .keep = (enum fmt_keep)keep, .type = FMT_Q8_0, .context = context, .ubatch = 512,
				.sequences = 3 };
			struct fmt_err err = { 0 };

			if (!fmt_estimate_cache(e, &o, &kv, &state, &err)) {
				if (!err.code || !err.msg[0])
					abort();
				break;
			}
			if (kv < before)
				abort();
			before = kv;
		}
	}
}

/* What is refused says why. */
static void expect(bool ok, const struct fmt_err *err)
{
	if (!ok && (!err->code || !err->msg[0]))
		abort();
}

/* Every runtime, with flash attention and without. */
static void runtimes(const struct fmt_estimate *e)
{
	for (int i = 0; i < 2 * FMT_RUNTIME_COUNT; i++) {
		struct fmt_runtime_opts o = { .runtime = (enum fmt_runtime)(i / 2), .k_type = FMT_F16, .v_type = FMT_F16,
			.context = UINT64_C(1) << 20, .sequences = 3, .flash = i & 1 ? FMT_FLASH_OFF : FMT_FLASH_AUTO };
		struct fmt_runtime_bytes b = { 0 };
		struct fmt_err err = { 0 };
		bool ok = fmt_runtime_bytes(e, &o, &b, &err);

		expect(ok, &err);
		if (ok && b.total != b.kv + b.state + b.compute + b.output + b.other)
			abort();
	}
}

static void trainings(const struct fmt_view *v, const struct fmt_estimate *e)
{
	static const enum fmt_train_kind kinds[] = { FMT_TRAIN_FULL, FMT_TRAIN_LORA, FMT_TRAIN_QLORA };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct fmt_train_opts o = { .kind = kinds[i], .precision = FMT_BF16, .eager = i & 1, .zero = (unsigned)i, .devices = 3,
			.micro_batch = 5, .seq = UINT64_C(1) << 20, .rank = 16, .targets = "all" };
		struct fmt_train t;
		struct fmt_err err = { 0 };

		expect(fmt_train(e, v, &o, &t, &err), &err);
	}
}

static void speed(const struct fmt_view *v, const struct fmt_estimate *e)
{
	struct fmt_cache_opts o = { .type = FMT_F16, .context = UINT64_C(1) << 30, .ubatch = 512, .sequences = 1 };
	struct fmt_err err = { 0 };
	struct fmt_prompt p;
	struct fmt_step s;

	expect(fmt_speed_step(e, e->active, &o, &s, &err), &err);
	fmt_speed_prompt(e, v, o.context, &p);
	if (!(p.total >= p.linear))
		abort();
}

static void stored(const struct fmt_view *v, const struct fmt_estimate *e)
{
	struct fmt_stored s;
	struct fmt_err err = { 0 };
	bool ok = fmt_stored_init(&s, v, e, &err);

	expect(ok, &err);
	if (ok && s.quantized && (s.known ? s.scale_bytes > s.bytes || s.n_quantized > e->total : !s.why[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct fmt_view_opts opts = { .plan_only = true, .no_tokenizer = true };
	struct fmt_err err = { 0 };
	struct fmt_view *v = fmt_view_open(fuzz_file(data, n), &opts, &err);
	struct fmt_estimate e;

	if (!v && (!err.code || !err.msg[0]))
		abort();
	if (!v)
		return 0;
	if (fmt_estimate_init(&e, v, &err)) {
		explain(v, &e);
		caches(&e);
		runtimes(&e);
		trainings(v, &e);
		speed(v, &e);
		stored(v, &e);
	} else if (!err.code || !err.msg[0]) {
		abort();
	}
	fmt_estimate_finish(&e);
	fmt_view_close(v);
	return 0;
}
