/* Layers that are taken out. See prune.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prune.h"
#include "view_impl.h"

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

bool prune_init(struct prune *p, const uint32_t *layers, size_t n, struct fmt_err *err)
{
	*p = (struct prune){ .layers = malloc((n + 1) * sizeof *p->layers) };
	if (!p->layers)
		return fmt_fail_nomem(err, (n + 1) * sizeof *p->layers);
	memcpy(p->layers, layers, n * sizeof *layers);
	qsort(p->layers, n, sizeof *p->layers, ascending);
	for (size_t i = 0; i < n; i++)
		if (!p->n || p->layers[p->n - 1] != p->layers[i])
			p->layers[p->n++] = p->layers[i];
	return true;
}

void prune_finish(struct prune *p)
{
	free(p->layers);
	*p = (struct prune){ .n = 0 };
}

uint32_t prune_below(const struct prune *p, uint64_t layer)
{
	size_t n = 0;

	while (n < p->n && p->layers[n] < layer)
		n++;
	return (uint32_t)n;
}

bool prune_takes(const struct prune *p, uint64_t layer)
{
	uint32_t n = prune_below(p, layer);

	return n < p->n && p->layers[n] == layer;
}

bool prune_name(const struct prune *p, struct fmt_arena *mem, struct fmt_str *name, int32_t *layer, struct fmt_err *err)
{
	char prefix[32], *made;
	struct fmt_str rest;
	int n;

	*layer = view_layer_of(*name, &rest);
	if (*layer < 0)
		return true;
	if (prune_takes(p, (uint64_t)*layer))
		return false;
	*layer -= (int32_t)prune_below(p, (uint64_t)*layer);
	n = snprintf(prefix, sizeof prefix, "blk.%" PRId32 ".", *layer);
	made = fmt_arena_alloc(mem, (size_t)n + rest.n, 1, err);
	if (!made)
		return false;
	memcpy(made, prefix, (size_t)n);
	memcpy(made + n, rest.p, rest.n);
	*name = (struct fmt_str){ made, (size_t)n + rest.n };
	return true;
}
