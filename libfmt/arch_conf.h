/* The numbers of one model: config.json read by an architecture's description, defaults filled in, all checked. */
#ifndef FMT_ARCH_CONF_H
#define FMT_ARCH_CONF_H

#include <libfmt/json.h>

#include "arch_desc.h"

struct arch_conf {
	bool set[P_COUNT];
	uint64_t n[P_COUNT]; /* counts, flags (0 or 1), words (what they mean) */
	double f[P_COUNT];   /* reals */
	uint8_t layer[ARCH_MAX_LAYERS]; /* LAYER_* of each */
};

/* Reads config.json (its text_config, where there is one, before the rest).
 * returns false with *err set, which names the key, if a value is missing, of the wrong kind or out of range */
bool arch_conf_read(const struct fmt_arch *arch, const struct json *config, struct arch_conf *conf, struct fmt_err *err);

/* arch_layers.c: what each layer is. The last step of arch_conf_read. */
bool arch_layers_read(const struct fmt_arch *arch, const struct json *config, struct arch_conf *conf,
                      struct fmt_err *err);

/* Whether a condition holds. */
bool arch_conf_when(const struct arch_conf *conf, struct arch_when when);

/* The node of a config key "a.b": in text_config first, then at the root; NULL if in neither. null is a node. */
const struct json *arch_conf_find(const struct json *config, const char *path, size_t n);

#endif
