/* The numbers of one model: config.json read by an architecture's description, defaults filled in, all checked. */
#ifndef FMT_ARCH_CONF_H
#define FMT_ARCH_CONF_H

#include <libfmt/json.h>

#include "arch_desc.h"

/* Rows of a description that can count at once; each has far fewer. */
#define ARCH_MAX_ORIGINS 128

/* Where one number came from: kept for those who ask. */
struct arch_origin {
	const struct arch_param_row *row;
	struct fmt_str key;           /* the name that is there, else the first */
	const struct arch_else *rule; /* what gave it; NULL: config.json itself */
	bool null;                    /* the key is there as null */
	bool set;
	uint64_t value;
};

struct arch_conf {
	bool set[P_COUNT];
	uint64_t n[P_COUNT]; /* counts, flags (0 or 1), words (what they mean) */
	double f[P_COUNT];   /* reals */
	uint16_t layer[ARCH_MAX_LAYERS + ARCH_MAX_NEXT]; /* LAYER_* of each, and of those for multi-token prediction behind them */
	struct arch_origin origins[ARCH_MAX_ORIGINS]; /* in the order in which rows were read */
	unsigned n_origins;
	enum arch_param each_of;          /* a param that differs from layer to layer, whose n[] is that of the first; P_NONE */
	uint64_t each[ARCH_MAX_LAYERS];
	struct arch_else fixed[P_COUNT]; /* rules made of the description's own defaults */
};

/* Reads config.json (its text_config, where there is one, before the rest).
 * returns false with *err set, which names the key, if a value is missing, of the wrong kind or out of range */
bool arch_conf_read(const struct fmt_arch *arch, const struct json *config, struct arch_conf *conf, struct fmt_err *err);

/* Notes where a row's value came from. */
void arch_conf_origin(struct arch_conf *conf, struct arch_origin o);

/* arch_layers.c: what each layer is. The last step of arch_conf_read. */
bool arch_layers_read(const struct fmt_arch *arch, const struct json *config, struct arch_conf *conf,
                      struct fmt_err *err);

/* rope_factors.c: what YaRN multiplies sines and cosines by, where mscale and mscale_all_dim say it: P_YARN_ATTN, left
 * unset if it is 1. */
void rope_magnitude(struct arch_conf *conf);

/* A number in one layer (-1: outside of them): its own, where it follows a param that differs from layer to layer. */
uint64_t arch_conf_in(const struct arch_conf *conf, enum arch_param p, int64_t layer);

/* arch_fit.c: the description that accounts for all of a checkpoint's tensor names, whose layers miss none, and of which
 * the fewest kinds of layers are not there; NULL: none. */
const struct fmt_arch *arch_by_tensors(const struct fmt_model *m);

/* arch_near.c: sets *err for a config.json whose class and model type no description has. */
void arch_unknown(const struct json *config, struct fmt_str class, struct fmt_str type, struct fmt_err *err);

/* Whether a condition holds. */
bool arch_conf_when(const struct arch_conf *conf, struct arch_when when);

/* The node of a config key "a.b": in text_config first, then at the root; NULL if in neither. null is a node. */
const struct json *arch_conf_find(const struct json *config, const char *path, size_t n);

#endif
