/* Models of several parts. Checkpoints of transformers before 4.52 have "language_model.model.layers.0..." and
 * "language_model.lm_head.weight", those since "model.language_model.layers.0..." and "lm_head.weight". */
#include "text_part.h"

#include <stdio.h>
#include <string.h>

static const char part[] = "language_model.", inner[] = "model.";

static bool begins(struct fmt_str name, const char *with)
{
	size_t n = strlen(with);

	return name.n >= n && !memcmp(name.p, with, n);
}

static const struct fmt_tensor *find(const struct fmt_model *m, const char *name)
{
	return fmt_model_find(m, (struct fmt_str){ name, strlen(name) });
}

const struct fmt_tensor *text_part_find(const struct fmt_model *m, const char *name)
{
	const struct fmt_tensor *t = find(m, name);
	char longer[256];

	if (!t && snprintf(longer, sizeof longer, "%s%s", part, name) < (int)sizeof longer)
		t = find(m, longer);
	if (!t && !strncmp(name, inner, sizeof inner - 1) &&
	    snprintf(longer, sizeof longer, "%s%s%s", inner, part, name + sizeof inner - 1) < (int)sizeof longer)
		t = find(m, longer);
	return t;
}

static bool is_text(struct fmt_str name)
{
	return begins(name, part) || begins(name, "model.language_model.");
}

bool text_part_is_one(const struct fmt_model *m)
{
	for (uint64_t i = 0; i < m->n_tensors; i++)
		if (is_text(m->tensors[i].name))
			return true;
	return false;
}

bool text_part_is_other(struct fmt_str name)
{
	return !is_text(name) && !begins(name, "lm_head.");
}
