/* The output's name where the user gives none. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "st2gguf.h"

/* Cuts `ending` off the end of the name; a name is never cut to nothing. */
static bool cut(char *name, const char *ending)
{
	size_t n = strlen(name), e = strlen(ending);

	if (n <= e || strcasecmp(name + n - e, ending))
		return false;
	name[n - e] = '\0';
	return true;
}

/* Cuts "-00001-of-00003", where the digits may be any. */
static void cut_shard(char *name)
{
	static const char pattern[] = "-ddddd-of-ddddd";
	size_t n = strlen(name), p = sizeof pattern - 1;

	if (n <= p)
		return;
	for (size_t i = 0; i < p; i++) {
		char c = name[n - p + i];

		if (pattern[i] == 'd' ? c < '0' || c > '9' : c != pattern[i])
			return;
	}
	name[n - p] = '\0';
}

/* Cuts "-BF16" or ".q8_0": the type that the source had. */
static void cut_type(char *name)
{
	char *at = name + strlen(name);

	while (at > name && *at != '-' && *at != '.')
		at--;
	if (at > name && quant_recipe_find(at + 1))
		*at = '\0';
}

static bool says_nothing(const char *name)
{
	static const char *const words[] = { "model", "pytorch_model", "consolidated", "consolidated.00", "config" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (!strcasecmp(name, words[i]))
			return true;
	return false;
}

static void cut_endings(char *name)
{
	static const char *const endings[] = { ".gguf", ".safetensors", ".bin", ".pth", ".pt", ".json" };

	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
		if (cut(name, endings[i]))
			break;
	cut_shard(name);
	cut_type(name);
}

/* The last component of a path without trailing slashes; cuts it off the path. */
static char *last_component(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return path;
	*slash = '\0';
	return slash + 1;
}

static bool is_current_directory(const char *path)
{
	struct stat a, b;

	return !stat(path, &a) && !stat(".", &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

char *st2gguf_output_name(const char *source, const struct quant_recipe *recipe, struct fmt_err *err)
{
	struct stat st;
	char *path = realpath(source, NULL), *name, *out;
	const char *type = recipe ? recipe->name : "copy";
	size_t n;

	if (!path || stat(path, &st)) {
		fmt_fail_errno(err, errno, "cannot open");
		fmt_err_file(err, source);
		free(path);
		return NULL;
	}
	if (S_ISDIR(st.st_mode) && is_current_directory(path)) {
		fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "the model is in the current directory: say where the GGUF goes with -o");
		free(path);
		return NULL;
	}
	name = last_component(path);
	if (!S_ISDIR(st.st_mode)) {
		cut_endings(name);
		if (says_nothing(name))
			name = last_component(path);
	}
	n = strlen(name) + strlen(type) + sizeof "-.gguf";
	out = malloc(n);
	if (out)
		snprintf(out, n, "%s-%s.gguf", *name ? name : "model", type);
	else
		fmt_fail_nomem(err, n);
	free(path);
	return out;
}
