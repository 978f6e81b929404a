/* st2gguf --prune-layers. */
#include <stdlib.h>
#include <string.h>

#include "st2gguf.h"

/* "3,5,17". layers: room for as many as there are bytes. returns how many; 0: it is no such list */
static size_t read_layers(const char *text, uint32_t *layers)
{
	size_t n = 0;

	for (char *end; *text >= '0' && *text <= '9'; text = end + 1) {
		unsigned long layer = strtoul(text, &end, 10);

		if (layer >= INT32_MAX || (*end && *end != ','))
			return 0;
		layers[n++] = (uint32_t)layer;
		if (!*end)
			return n;
	}
	return 0;
}

bool st2gguf_prune(struct conversion *c, struct fmt_view *v, const char *text, struct fmt_err *err)
{
	uint32_t *layers = calloc(strlen(text) + 1, sizeof *layers);
	size_t n = layers ? read_layers(text, layers) : 0;
	bool ok;

	if (!layers)
		ok = fmt_fail_nomem(err, (strlen(text) + 1) * sizeof *layers);
	else if (!n)
		ok = fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--prune-layers: '%.120s' is no list of layers such as 3,5,17", text);
	else
		ok = fmt_view_prune(v, layers, n, err) && (!c->imatrix || fmt_imatrix_prune(c->imatrix, layers, n, err));
	free(layers);
	return ok;
}
