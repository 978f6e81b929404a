/* What fits into so much memory, and how a model is spread over several cards.
 *
 * Arithmetic on what <libfmt/estimate.h> and <libfmt/runtime.h> give; nothing is measured. Sums that do not fit into 64
 * bits fit nowhere, so that nothing here fails by their size. */
#ifndef LIBFMT_FIT_H
#define LIBFMT_FIT_H

#include <libfmt/runtime.h>

/* llama.cpp takes no more at a time (LLAMA_MAX_SEQ; GGML_CUDA_MAX_DEVICES). */
#define FMT_MAX_SEQUENCES 256
#define FMT_MAX_DEVICES 16

/* What is left free on each device where nobody says otherwise: 1 GiB, as llama.cpp leaves by default for its context on
 * the device, the desktop and what is not foreseen; of less than 8 GiB an eighth. */
uint64_t fmt_fit_margin(uint64_t memory);

/* ---- One piece of memory ---- */

struct fmt_fit {
	const struct fmt_estimate *e;
	struct fmt_runtime_opts runtime; /* with the context and the sequences that are asked for */
	enum fmt_keep keep;              /* llama.cpp: what the runtime keeps, and its buffers; any other: a cache alone */
	uint64_t memory, margin;         /* bytes there are; bytes of them to leave free */
};

/* What there is beside the weights. Layers that are not known take nothing, so that weights alone decide.
 * returns false with *err set as fmt_runtime_bytes does */
bool fmt_fit_beside(const struct fmt_fit *f, uint64_t context, uint64_t sequences, struct fmt_runtime_bytes *b,
                    struct fmt_err *err);

/* Weights and all that is beside them. UINT64_MAX: past 64 bits, or fmt_fit_beside fails. */
uint64_t fmt_fit_taken(const struct fmt_fit *f, uint64_t weights, uint64_t context, uint64_t sequences);

/* Whether so many bytes leave the margin free. */
bool fmt_fit_holds(const struct fmt_fit *f, uint64_t taken);

/* The longest context of the sequences asked for, and the most sequences of the context asked for: at most `most`, 0 if
 * not even one fits. What is taken grows with both, so that halving finds them. */
uint64_t fmt_fit_context(const struct fmt_fit *f, uint64_t weights, uint64_t most);
uint64_t fmt_fit_sequences(const struct fmt_fit *f, uint64_t weights, uint64_t most);

/* ---- Several devices ---- */

/* Weights by where llama.cpp puts them. */
struct fmt_layer_bytes {
	uint64_t dense, experts;                 /* sums over tensors; a router and shared experts are dense */
	uint64_t largest_dense, largest_experts; /* one tensor */
};

struct fmt_parts {
	uint64_t input;  /* the token embedding and what goes with it: always in the CPU's memory */
	bool is_tied;    /* the token embedding is the output matrix too: a device with the output has a copy */
	uint64_t tied;   /* bytes of that copy */
	uint64_t output; /* the output matrix, where it is one of its own, and its norm */
	uint64_t tables; /* that all layers read (rope_freqs): each device with layers has a copy */
	uint64_t total;  /* every tensor once */
	uint64_t n_layers;
	struct fmt_layer_bytes *layers;
};

/* *p is to be finished in every case. Each tensor of the view is then added once, with its bytes.
 * returns false with *err set: no memory; a sum past 64 bits */
bool fmt_parts_init(struct fmt_parts *p, const struct fmt_estimate *e, struct fmt_err *err);
bool fmt_parts_add(struct fmt_parts *p, const struct fmt_view_tensor *t, uint64_t bytes, struct fmt_err *err);
void fmt_parts_finish(struct fmt_parts *p); /* a zeroed one is fine */

struct fmt_split_opts {
	size_t n_devices;                 /* 1 to FMT_MAX_DEVICES */
	uint64_t memory[FMT_MAX_DEVICES]; /* bytes that are free */
	uint64_t margin[FMT_MAX_DEVICES]; /* bytes to leave so */
	uint64_t cpu_experts;             /* the experts of the first so many layers stay in the CPU's memory */
	bool find_experts;                /* as many as are needed, from cpu_experts up, where not all fits */
};

/* What one device, or the CPU, has. */
struct fmt_place {
	uint64_t first, n_layers; /* layers that are computed here; of the CPU: the first ones */
	bool output;
	uint64_t weights, kv, state, compute;
	uint64_t total; /* their sum */
};

struct fmt_split {
	uint64_t gpu_layers;  /* -ngl: layers on devices, the output counting as one more */
	uint64_t cpu_experts; /* --n-cpu-moe */
	bool by_hand;         /* llama.cpp's own proportions do not fit: -ts with the devices' numbers is needed */
	bool whole;           /* all layers and the output are on devices, experts where they are asked to be */
	size_t n_devices;
	struct fmt_place devices[FMT_MAX_DEVICES], cpu;
};

/* How many of n_slots consecutive layers each device gets from llama.cpp without -ts: in proportion to free memory. Layers
 * are whole, the output is the last slot. A slot goes to the first device whose running sum of shares is above the slot's
 * number over n_slots, in float arithmetic (llama-model.cpp, load_tensors; August 2026). */
void fmt_split_shares(const uint64_t *memory, size_t n_devices, uint64_t n_slots, uint64_t *counts);

/* Finds a place for everything: as llama.cpp would do it by itself if that fits; else with the devices filled from the last
 * to the first; else with the experts of the first layers in the CPU's memory, as few as possible; else with the first
 * layers there too.
 *
 * Of the compute buffer each device is charged all that runtime_bytes counts, but for the scores where it has no output.
 * Matrices in the CPU's memory are multiplied on the first device when many tokens come at once, which copies them there
 * one by one: it is charged the largest.
 *
 * f       its `memory` and `margin` are not looked at; layers must be known; `runtime` and `keep` are llama.cpp's, keys and
 *         values of one type
 * returns false with *err set as fmt_fit_beside does, or where a sum is past 64 bits */
bool fmt_split(const struct fmt_fit *f, const struct fmt_parts *p, const struct fmt_split_opts *o, struct fmt_split *s,
               struct fmt_err *err);

/* The longest context at which all is on the devices; 0: none. */
uint64_t fmt_split_context(const struct fmt_fit *f, const struct fmt_parts *p, const struct fmt_split_opts *o,
                           uint64_t most);

#endif
