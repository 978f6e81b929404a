/* --lora ADAPTER[=SCALE]. See adapters.h. */
#include "adapters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Splits "PATH=SCALE" at its last '=', if a number is behind it; else all is the path, which is to be freed. */
static char *split(const char *text, float *scale, struct fmt_err *err)
{
	char *path = strdup(text), *at = path ? strrchr(path, '=') : NULL, *end;
	double value;

	*scale = 1;
	if (!path)
		fmt_fail_nomem(err, strlen(text));
	if (!at || !at[1])
		return path;
	value = strtod(at + 1, &end);
	if (*end || !isfinite(value))
		return path;
	*scale = (float)value;
	*at = 0;
	return path;
}

static bool open_one(struct adapters *a, const struct fmt_view *base, const char *text, struct fmt_err *err)
{
	struct fmt_view_opts opts = { .base = base->path, .no_tokenizer = true };
	float scale;
	char *path = split(text, &scale, err);

	a->views[a->n] = path ? fmt_view_open(path, &opts, err) : NULL;
	free(path);
	return a->views[a->n] && quant_lora_add(a->lora, a->views[a->n++], scale, err);
}

bool adapters_open(struct adapters *a, const struct fmt_view *base, const struct cli_list *list, struct fmt_err *err)
{
	if (!list->n)
		return true;
	a->views = calloc(list->n, sizeof(struct fmt_view *));
	if (!a->views)
		return fmt_fail_nomem(err, list->n * sizeof(struct fmt_view *));
	a->lora = quant_lora_create(base, err);
	for (size_t i = 0; a->lora && i < list->n; i++)
		if (!open_one(a, base, list->items[i], err))
			return false;
	return a->lora != NULL;
}

void adapters_close(struct adapters *a)
{
	quant_lora_destroy(a->lora);
	for (size_t i = 0; i < a->n; i++)
		fmt_view_close(a->views[i]);
	free(a->views);
	*a = (struct adapters){ 0 };
}

uint64_t adapters_changed(const struct adapters *a, size_t i, const struct fmt_view *base)
{
	uint64_t n = 0;

	for (uint64_t t = 0; t < base->n_tensors; t++)
		for (const struct quant_lora_step *s = quant_lora_steps(a->lora, &base->tensors[t]); s; s = s->next)
			n += s->adapter == a->views[i];
	return n;
}
