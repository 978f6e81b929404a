/* The table of runtimes. See <libfmt/runtime.h>. */
#include <string.h>

#include "ckd.h"
#include "runtime_impl.h"

/* Numbers past this are slips of the keyboard, and their products would not fit. */
#define MOST (UINT64_C(1) << 40)

struct runtime {
	const char *name;
	uint64_t batch, ubatch; /* by default; 0: the context */
	bool (*bytes)(const struct fmt_estimate *, const struct fmt_runtime_opts *, struct fmt_runtime_bytes *,
	              struct fmt_err *);
};

static bool counted(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                    struct fmt_err *err)
{
	(void)e;
	return o->count.bytes ? o->count.bytes(o->count.ctx, o, b, err) :
	                        fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "assay's own runtime cannot be asked here");
}

static const struct runtime runtimes[FMT_RUNTIME_COUNT] = {
	[FMT_RUNTIME_LLAMA_CPP] = { "llama.cpp", 2048, 512, runtime_llama },
	[FMT_RUNTIME_LLAMA_CPP_0_7] = { "llama.cpp-0.7", 2048, 512, runtime_llama },
	[FMT_RUNTIME_VLLM] = { "vllm", 8192, 8192, runtime_vllm },
	[FMT_RUNTIME_ASSAY] = { "assay", 0, 0, counted },
	[FMT_RUNTIME_TRANSFORMERS] = { "transformers", 0, 0, runtime_transformers },
};

const char *fmt_runtime_name(enum fmt_runtime r)
{
	return runtimes[r].name;
}

bool fmt_runtime_from_name(const char *name, enum fmt_runtime *r)
{
	for (int i = 0; i < FMT_RUNTIME_COUNT; i++) {
		if (strcmp(name, runtimes[i].name))
			continue;
		*r = (enum fmt_runtime)i;
		return true;
	}
	return false;
}

bool fmt_flash_from_name(const char *name, enum fmt_flash *f)
{
	static const char *const names[FMT_FLASH_COUNT] = { "auto", "on", "off" };

	for (int i = 0; i < FMT_FLASH_COUNT; i++) {
		if (strcmp(name, names[i]))
			continue;
		*f = (enum fmt_flash)i;
		return true;
	}
	return false;
}

bool runtime_too_large(struct fmt_err *err)
{
	return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the size of cache and buffers does not fit into 64 bits");
}

void fmt_runtime_fill(struct fmt_runtime_opts *o)
{
	const struct runtime *r = &runtimes[o->runtime];

	o->batch = o->batch ? o->batch : r->batch ? r->batch : o->context;
	o->ubatch = o->ubatch ? o->ubatch : r->ubatch ? r->ubatch : o->batch;
	o->ubatch = o->ubatch < o->batch ? o->ubatch : o->batch;
}

bool fmt_runtime_bytes(const struct fmt_estimate *e, const struct fmt_runtime_opts *asked, struct fmt_runtime_bytes *b,
                       struct fmt_err *err)
{
	const struct runtime *r = &runtimes[asked->runtime];
	struct fmt_runtime_opts o = *asked;

	*b = (struct fmt_runtime_bytes){ .total = 0 };
	fmt_runtime_fill(&o);
	if (!o.context || !o.sequences || o.context > MOST || o.sequences > MOST || o.batch > MOST)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "contexts, sequences and batches are numbers from 1 to 2^40");
	if (!e->layers_known)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "what this architecture's layers keep is not known here");
	if (!r->bytes(e, &o, b, err))
		return false;
	if (ckd_add(&b->total, b->kv, b->state) || ckd_add(&b->total, b->total, b->compute) ||
	    ckd_add(&b->total, b->total, b->output) || ckd_add(&b->total, b->total, b->other))
		return runtime_too_large(err);
	return true;
}
