/* Which description a checkpoint's tensor names fit, whatever its config.json says. */
#include <string.h>

#include "arch_conf.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whether a name is a row's, where "*" stands for a number. */
static bool is_row(struct fmt_str name, const char *row)
{
	size_t i = 0;

	for (; *row && i < name.n; row++) {
		if (*row != '*' && name.p[i++] != *row)
			return false;
		if (*row == '*' && !is_digit(name.p[i]))
			return false;
		while (*row == '*' && i < name.n && is_digit(name.p[i]))
			i++;
	}
	return !*row && i == name.n;
}

static bool in_table(const struct arch_tensor *row, struct fmt_str name)
{
	for (; row && row->role; row++)
		if (row->hf && is_row(name, row->hf))
			return true;
	return false;
}

/* A name without the layer's prefix; as it is, if it has none. */
static struct fmt_str in_layer(const struct fmt_arch *arch, struct fmt_str name)
{
	size_t n = strlen(arch->layer_prefix), i = n;

	if (name.n <= n || memcmp(name.p, arch->layer_prefix, n))
		return name;
	while (i < name.n && is_digit(name.p[i]))
		i++;
	return i > n && i < name.n && name.p[i] == '.' ? (struct fmt_str){ name.p + i + 1, name.n - i - 1 } : name;
}

static bool knows(const struct fmt_arch *arch, struct fmt_str name)
{
	struct fmt_str rest = in_layer(arch, name);

	for (const char *const *skip = arch->skip; skip && *skip; skip++)
		if (fmt_str_ends(name, *skip))
			return true;
	return rest.n < name.n ? in_table(arch->layers, rest) : in_table(arch->globals, name);
}

/* Whether some layer has a row's tensor. */
static bool is_there(const struct fmt_arch *arch, const struct arch_tensor *row, const struct fmt_model *m)
{
	for (uint64_t i = 0; i < m->n_tensors; i++) {
		struct fmt_str rest = in_layer(arch, m->tensors[i].name);

		if (rest.n < m->tensors[i].name.n && is_row(rest, row->hf))
			return true;
	}
	return false;
}

/* How many rows no layer has, of those of layers of some kind; UINT64_MAX if one that all must have is missing. Biases and the like,
 * which follow a setting, say nothing either way. */
static uint64_t n_lacking(const struct fmt_arch *arch, const struct fmt_model *m)
{
	uint64_t n = 0;

	for (const struct arch_tensor *row = arch->layers; row && row->role; row++) {
		if (!row->hf || is_there(arch, row, m))
			continue;
		if (!row->when.param && !row->in && !row->but)
			return UINT64_MAX;
		n += row->in != 0;
	}
	return n;
}

const struct fmt_arch *arch_by_tensors(const struct fmt_model *m)
{
	const struct fmt_arch *best = NULL;
	uint64_t least = UINT64_MAX;

	for (const struct fmt_arch *const *a = arch_table; m->n_tensors && *a; a++) {
		uint64_t n = 0, lacking;

		while (n < m->n_tensors && knows(*a, m->tensors[n].name))
			n++;
		lacking = n == m->n_tensors ? n_lacking(*a, m) : UINT64_MAX;
		if (lacking < least) {
			best = *a;
			least = lacking;
		}
	}
	return best;
}
