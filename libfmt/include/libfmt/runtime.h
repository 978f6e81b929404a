/* What a runtime takes beside the weights: cache, state, and the buffers that it computes in.
 *
 * Each runtime is a model of its own, named and written down in docs/runtimes.md with the version that it follows:
 * runtime_llama.c and so on. Nothing here is measured on the machine at hand. */
#ifndef LIBFMT_RUNTIME_H
#define LIBFMT_RUNTIME_H

#include <libfmt/estimate.h>

enum fmt_runtime {
	FMT_RUNTIME_LLAMA_CPP,     /* of August 2026 (3f545be) */
	FMT_RUNTIME_LLAMA_CPP_0_7, /* of October 2026 (0.7.0): tokens and embeddings in one batch */
	FMT_RUNTIME_VLLM,
	FMT_RUNTIME_TRANSFORMERS,
	FMT_RUNTIME_ASSAY,         /* llm-run: libinfer's own count, which the caller brings along */
	FMT_RUNTIME_COUNT
};

const char *fmt_runtime_name(enum fmt_runtime r); /* "llama.cpp", "llama.cpp-0.7", "vllm", "transformers", "assay" */
bool fmt_runtime_from_name(const char *name, enum fmt_runtime *r);

enum fmt_flash {
	FMT_FLASH_AUTO, /* where the runtime can */
	FMT_FLASH_ON,
	FMT_FLASH_OFF,
	FMT_FLASH_COUNT
};

bool fmt_flash_from_name(const char *name, enum fmt_flash *f); /* "auto", "on", "off" */

struct fmt_runtime_opts;
struct fmt_runtime_bytes;

/* What stands in for a model of libfmt's own: the program above it that knows. */
struct fmt_runtime_count {
	bool (*bytes)(const void *ctx, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b, struct fmt_err *err);
	const void *ctx;
};

struct fmt_runtime_opts {
	enum fmt_runtime runtime;
	enum fmt_type k_type, v_type;
	uint64_t context;   /* tokens of one sequence */
	uint64_t sequences; /* of that context, at once */
	uint64_t batch;     /* tokens that are handed over at once; 0: the runtime's default, the context for transformers */
	uint64_t ubatch;    /* of llama.cpp: tokens that are computed at once, at most `batch`; 0: its default */
	enum fmt_flash flash;
	bool swa_full;      /* sliding layers keep the whole context too */
	struct fmt_runtime_count count; /* of FMT_RUNTIME_ASSAY, and only of that */
};

struct fmt_runtime_bytes {
	uint64_t kv;
	uint64_t state;   /* recurrent and convolution state */
	uint64_t compute; /* what one step of computation needs at most */
	uint64_t output;  /* where logits are handed back */
	uint64_t other;   /* what the runtime takes whatever weights and context are */
	uint64_t total;   /* their sum */
};

/* Puts the runtime's defaults in place of batches of 0, and bounds ubatch by batch. */
void fmt_runtime_fill(struct fmt_runtime_opts *o);

/* returns false with *err set: heads that are no whole number of a type's blocks, a product past 64 bits, layers that
 * are not known, a numeric option that is too large */
bool fmt_runtime_bytes(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                       struct fmt_err *err);

#endif
