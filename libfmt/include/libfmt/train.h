/* What training takes on each device: weights, gradients, optimizer, activations. A sum, never a maximum.
 *
 * Model states are exact counts of elements times the bytes that the named libraries keep. Activations are those that
 * autograd saves in the modules of transformers, without fused kernels beyond the attention's: the terms of
 * arXiv:2205.05198 (Korthikanti et al.), carried over to grouped heads, gated blocks, norms in float32 and experts, with
 * dropout switched off. Not counted: the allocator's rest, communication buffers, the libraries themselves. */
#ifndef LIBFMT_TRAIN_H
#define LIBFMT_TRAIN_H

#include <libfmt/estimate.h>

enum fmt_train_kind {
	FMT_TRAIN_FULL,
	FMT_TRAIN_LORA,  /* weights stay, adapters in float32 are trained: PEFT's default */
	FMT_TRAIN_QLORA, /* the same, with the matrices of the layers in NF4, their scales quantized again */
	FMT_TRAIN_KIND_COUNT
};

enum fmt_optimizer {
	FMT_OPT_ADAMW,          /* two moments in float32 */
	FMT_OPT_ADAMW_8BIT,     /* two moments in 8 bits, a float32 scale per 256; tensors below 4096 elements in float32 */
	FMT_OPT_ADAMW_8BIT_PAGED, /* the same, in memory that may move to the host */
	FMT_OPT_SGD,            /* nothing */
	FMT_OPT_SGD_MOMENTUM,
	FMT_OPT_ADAFACTOR,      /* of a matrix a sum per row and per column; of anything else one number per element */
	FMT_OPT_LION,
	FMT_OPT_MUON,           /* momentum of the matrices in layers; AdamW of the rest */
	FMT_OPT_COUNT
};

enum fmt_checkpointing {
	FMT_CHECKPOINT_NONE,
	FMT_CHECKPOINT_FULL,      /* each layer keeps its input, and one at a time is computed again */
	FMT_CHECKPOINT_SELECTIVE, /* the scores of attention are computed again */
	FMT_CHECKPOINT_COUNT
};

/* returns false for an unknown name; the names are in fmt_train_*_name */
bool fmt_train_kind_from_name(const char *name, enum fmt_train_kind *k);
bool fmt_optimizer_from_name(const char *name, enum fmt_optimizer *o);
bool fmt_checkpointing_from_name(const char *name, enum fmt_checkpointing *c);
const char *fmt_train_kind_name(enum fmt_train_kind k); /* "qlora" */
const char *fmt_optimizer_name(enum fmt_optimizer o);   /* "paged-adamw8bit" */
const char *fmt_checkpointing_name(enum fmt_checkpointing c); /* "selective" */

struct fmt_train_opts {
	enum fmt_train_kind kind;
	enum fmt_optimizer optimizer;
	enum fmt_type precision;    /* FMT_BF16 or FMT_F16: mixed, with a master copy in float32; FMT_F32 */
	bool float_gradients;       /* kept in float32, as DeepSpeed accumulates them */
	bool eager;                 /* attention stores its scores; else flash or SDPA */
	enum fmt_checkpointing checkpointing;
	unsigned zero;              /* stage 0 to 3: 1 divides master copy and states by the devices, 2 gradients too, 3 weights too */
	uint64_t devices;
	uint64_t micro_batch, seq;  /* of each device */
	uint64_t rank;              /* of adapters */
	const char *targets;        /* "all", "qv", "attention", or modules by the last part of either name: "q_proj,attn_k" */
	bool offload_optimizer;     /* gradients, master copy and states in the host's memory (DeepSpeed's ZeRO-Offload) */
	bool offload_params;        /* weights too; of stage 3 */
};

enum fmt_train_part {
	FMT_TRAIN_WEIGHTS,
	FMT_TRAIN_ADAPTERS,
	FMT_TRAIN_GRADIENTS,
	FMT_TRAIN_MASTER,      /* float32 copy of 16-bit weights that the optimizer updates */
	FMT_TRAIN_STATES,      /* the optimizer's */
	FMT_TRAIN_WORKING,     /* stage 3: the largest layer, gathered, and its gradients; QLoRA: a matrix made 16 bits again */
	FMT_TRAIN_ACTIVATIONS, /* saved for the backward pass, logits aside */
	FMT_TRAIN_LOGITS,      /* in float32, and their gradient */
	FMT_TRAIN_PART_COUNT
};

const char *fmt_train_part_name(enum fmt_train_part p); /* "optimizer_states" */

struct fmt_train {
	uint64_t trainable;     /* elements that are trained */
	uint64_t n_adapters;    /* matrices that have one */
	bool activations_known; /* else the architecture's layers are not described, and the sum is without them */
	uint64_t device[FMT_TRAIN_PART_COUNT]; /* bytes on each device; parts that are divided are rounded up */
	uint64_t host[FMT_TRAIN_PART_COUNT];   /* bytes in the host's memory, of all devices */
	uint64_t device_total, host_total;
};

/* returns false with *err set: FMT_USAGE for options that are out of range, do not go together, or name a module that
 * the model does not have; FMT_LIMIT for a product past 64 bits */
bool fmt_train(const struct fmt_estimate *e, const struct fmt_view *v, const struct fmt_train_opts *o,
               struct fmt_train *t, struct fmt_err *err);

/* Bytes of n weights in NF4 with double quantization (arXiv:2305.14314, as bitsandbytes stores it): half a byte each,
 * an 8-bit scale per 64, a float32 per 256 scales and one for their mean: 4.127 bits.
 * returns false where they do not fit into 64 bits */
bool fmt_nf4_bytes(uint64_t n, uint64_t *bytes);

#endif
