/* Finding the weights of a Hugging Face directory. See hf_weights.h. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hf_weights.h"
#include "limit.h"
#include "shards.h"

struct name_list {
	struct fmt_arena *mem;
	const char **names;
	uint64_t n, cap;
};

static bool add_name(struct name_list *l, const char *name, struct fmt_err *err)
{
	if (l->n == LIMIT_FILES)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "more than %d weight files", LIMIT_FILES);
	if (l->n == l->cap) {
		uint64_t cap = l->cap ? 2 * l->cap : 16;
		const char **names = fmt_arena_grow(l->mem, l->names, l->cap, cap, sizeof *names, err);

		if (!names)
			return false;
		l->names = names;
		l->cap = cap;
	}
	l->names[l->n++] = name;
	return true;
}

static bool has_ends(const char *name, const char *start, const char *end)
{
	size_t n = strlen(name), ns = strlen(start), ne = strlen(end);

	return n >= ns + ne && !memcmp(name, start, ns) && !memcmp(name + n - ne, end, ne);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Paths of the files in a directory whose names begin and end so, in the order of their names. */
static bool list_files(struct name_list *l, const char *dir, const char *start, const char *end, struct fmt_err *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d) {
		fmt_fail_errno(err, errno, "cannot list the directory");
		fmt_err_file(err, dir);
		return false;
	}
	while (!err->code && (e = readdir(d))) {
		if (has_ends(e->d_name, start, end)) {
			const char *path = hf_path(l->mem, dir, e->d_name, err);

			if (path)
				add_name(l, path, err);
		}
	}
	closedir(d);
	if (l->n)
		qsort(l->names, (size_t)l->n, sizeof *l->names, by_name);
	return !err->code;
}

/* The only file of the directory that is a checkpoint by its content. Those of training (optimizer states, arguments) are
 * PyTorch files too, so that two are no choice at all. */
static struct fmt_model *open_by_content(const char *dir, struct fmt_arena *mem, struct fmt_err *err)
{
	struct name_list l = { .mem = mem };
	struct fmt_model *found = NULL;

	if (!list_files(&l, dir, "", "", err))
		return NULL;
	for (uint64_t i = 0; i < l.n; i++) {
		struct fmt_err ignored = { .code = FMT_OK };
		struct stat st;
		struct fmt_model *m = stat(l.names[i], &st) || !S_ISREG(st.st_mode) ? NULL : fmt_model_open(l.names[i], &ignored);

		if (m && found) {
			fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "several files in '%s' could be the weights: '%s', '%s'; name one", dir,
			         found->files[0], m->files[0]);
			fmt_model_close(m);
			fmt_model_close(found);
			return NULL;
		}
		found = m ? m : found;
	}
	if (!found)
		fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "no weights in '%s': no safetensors and no PyTorch file", dir);
	return found;
}

static bool is_file(const char *dir, const char *name, struct fmt_arena *mem, struct fmt_err *err)
{
	const char *path = hf_path(mem, dir, name, err);
	struct stat st;

	return path && !stat(path, &st) && S_ISREG(st.st_mode);
}

static const struct {
	const char *index, *start, *end;
} kinds[] = {
	{ "model.safetensors.index.json", "model", ".safetensors" },
	{ "pytorch_model.bin.index.json", "pytorch_model", ".bin" },
};

struct fmt_model *hf_weights_open_file(const char *dir, const char *path, struct fmt_err *err)
{
	const char *slash = strrchr(path, '/');

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!shards_is_part(dir, kinds[i].index, slash ? slash + 1 : path))
			continue;
		fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "is one part of several, as %s says; give the directory '%s' instead",
		         kinds[i].index, dir);
		fmt_err_file(err, path);
		return NULL;
	}
	return fmt_model_open(path, err);
}

struct fmt_model *hf_weights_open(const char *dir, struct fmt_arena *mem, struct fmt_err *err)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !err->code; i++) {
		struct name_list l = { .mem = mem };

		if (is_file(dir, kinds[i].index, mem, err))
			return shards_open(dir, kinds[i].index, NULL, err);
		if (!list_files(&l, dir, kinds[i].start, kinds[i].end, err))
			return NULL;
		if (l.n == 1)
			return fmt_model_open(l.names[0], err);
		if (l.n)
			return fmt_model_open_shards(l.names, (uint32_t)l.n, err);
	}
	return err->code ? NULL : open_by_content(dir, mem, err);
}

struct fmt_model *fmt_model_open_dir(const char *dir, struct fmt_err *err)
{
	struct fmt_arena names;
	struct fmt_model *m;

	fmt_arena_init(&names, LIMIT_VIEW_BYTES);
	m = hf_weights_open(dir, &names, err);
	fmt_arena_finish(&names);
	return m;
}
