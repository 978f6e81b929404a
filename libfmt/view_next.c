/* Layers for multi-token prediction: behind the last layer, where checkpoints may have them and classes leave them out. Either
 * they are numbered on ("model.layers.46.eh_proj.weight"), or they have names of their own ("mtp.fc.weight",
 * "mtp.layers.0..."). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "view_impl.h"

static bool begins(struct fmt_str name, const char *with, size_t n)
{
	return name.n > n && !memcmp(name.p, with, n);
}

void view_layer_prefix(const struct fmt_arch *arch, const struct arch_conf *conf, const struct arch_tensor *row, int32_t layer,
                       char *out, size_t n)
{
	bool apart = arch->next_prefix && (uint64_t)layer >= conf->n[P_LAYERS];

	if (apart && row && arch_row_is_next(row))
		snprintf(out, n, "%s", arch->next_prefix);
	else if (apart)
		snprintf(out, n, "%slayers.%" PRId32 ".", arch->next_prefix, layer - (int32_t)conf->n[P_LAYERS]);
	else
		snprintf(out, n, "%s%" PRId32 ".", arch->layer_prefix, layer);
}

static bool has_layer(const struct fmt_view *v, int32_t layer)
{
	char prefix[64];
	size_t n;

	view_layer_prefix(v->arch, &v->impl->conf, NULL, layer, prefix, sizeof prefix);
	n = strlen(prefix);
	for (uint64_t i = 0; i < v->weights->n_tensors; i++)
		if (begins(v->weights->tensors[i].name, prefix, n))
			return true;
	return false;
}

bool view_keep_next(struct fmt_view *v, struct fmt_err *err)
{
	struct arch_conf *conf = &v->impl->conf;
	/* of those with names of their own not all config.json files give a number */
	uint64_t most = v->arch->next_prefix ? ARCH_MAX_NEXT : conf->n[P_NEXT_LAYERS], n = 0;

	while (v->arch->next && n < most && has_layer(v, (int32_t)(conf->n[P_LAYERS] + n)))
		n++;
	conf->n[P_NEXT_KEPT] = n;
	conf->set[P_NEXT_KEPT] = n > 0;
	return !n || fmt_view_note(v, err, "%" PRIu64 " layer%s for multi-token prediction %s kept, from blk.%" PRIu64 " on: predictions here do "
	                           "without", n, n == 1 ? "" : "s", n == 1 ? "is" : "are", conf->n[P_LAYERS]);
}

bool view_in_next_layer(const struct fmt_arch *arch, const struct arch_conf *conf, struct fmt_str name)
{
	const char *prefix = arch->layer_prefix;
	size_t n = strlen(prefix), i = n;
	uint64_t layer = 0;

	if (!begins(name, prefix, n))
		return begins(name, "mtp.", 4);
	for (; i < name.n && i < n + 8 && name.p[i] >= '0' && name.p[i] <= '9'; i++)
		layer = layer * 10 + (uint64_t)(name.p[i] - '0');
	return i > n && i < name.n && name.p[i] == '.' && layer >= conf->n[P_LAYERS] &&
	       layer - conf->n[P_LAYERS] < conf->n[P_NEXT_LAYERS];
}
