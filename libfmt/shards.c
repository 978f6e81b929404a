/* weight_map says of each tensor in which file it is. Its file names come from the same hostile place as all else: only
 * plain names of files beside the index are opened. Links are followed, since Hugging Face's cache is made of them, but
 * only to regular files. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libfmt/json.h>
#include <libfmt/utf8.h>

#include "index.h"
#include "limit.h"
#include "model_impl.h"
#include "shards.h"

struct shard {
	struct fmt_str name;
	const struct json *needed_by; /* a member of weight_map */
	char *path;
	uint32_t file;                /* number in the model */
};

struct shards {
	const char *dir;
	struct json_doc *doc;
	const struct json *map;       /* weight_map */
	struct fmt_index index;       /* name -> number in list */
	struct shard *list;           /* in the order of weight_map */
	uint32_t n, cap;
};

static char *join(const char *dir, const char *name, size_t name_n, struct fmt_err *err)
{
	size_t dir_n = strlen(dir);
	char *path = malloc(dir_n + name_n + 2);

	if (!path) {
		fmt_fail_nomem(err, dir_n + name_n + 2);
		return NULL;
	}
	memcpy(path, dir, dir_n);
	path[dir_n] = '/';
	memcpy(path + dir_n + 1, name, name_n);
	path[dir_n + 1 + name_n] = 0;
	return path;
}

static bool read_index(struct shards *s, const char *path, struct fmt_err *err)
{
	struct fmt_source source;
	char *text;

	if (!fmt_source_open(&source, path, err))
		return false;
	if (source.n_bytes > LIMIT_INDEX_BYTES) {
		fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "an index of %" PRIu64 " bytes, at most %" PRIu64 " are read",
		         source.n_bytes, LIMIT_INDEX_BYTES);
		fmt_source_close(&source);
		return false;
	}
	text = malloc((size_t)source.n_bytes + 1);
	if (!text)
		fmt_fail_nomem(err, source.n_bytes);
	else if (fmt_source_read(&source, 0, text, (size_t)source.n_bytes, err))
		s->doc = json_parse(text, (size_t)source.n_bytes, err);
	free(text);
	fmt_source_close(&source);
	if (!s->doc)
		return false;
	s->map = json_get(json_root(s->doc), "weight_map");
	if (!json_is(s->map, JSON_OBJECT) || !json_first(s->map))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "the index has no weight_map");
	return true;
}

/* A plain file name: nothing that leads elsewhere, on this system or another. */
static bool is_plain(struct fmt_str s)
{
	if (!s.n || s.n > 255 || s.p[0] == '.')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f || strchr("/\\:", s.p[i]))
			return false;
	return true;
}

/* Notes the shard that a member of weight_map names, unless it is known. */
static bool add_shard(struct shards *s, const struct json *member, struct fmt_err *err)
{
	struct fmt_str name = json_str(member);
	char shown[FMT_SHOW_BYTES], tensor[FMT_SHOW_BYTES];

	if (!is_plain(name))
		return fmt_fail(err, FMT_UNSAFE, FMT_NO_OFFSET, "weight_map: %s, for tensor %s, is not the name of a file beside it",
		                fmt_show(name, shown), fmt_show(json_key(member), tensor));
	switch (fmt_index_add(&s->index, name, s->n, err)) {
	case FMT_INDEX_FAILED:
		return false;
	case FMT_INDEX_THERE:
		return true;
	case FMT_INDEX_ADDED:
		break;
	}
	if (s->n == LIMIT_FILES)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "more than %d shards", LIMIT_FILES);
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? s->cap * 2 : 16;
		struct shard *grown = realloc(s->list, cap * sizeof *grown);

		if (!grown)
			return fmt_fail_nomem(err, cap * sizeof *grown);
		s->list = grown;
		s->cap = cap;
	}
	s->list[s->n] = (struct shard){ .name = name, .needed_by = member };
	s->list[s->n].path = join(s->dir, name.p, name.n, err);
	return s->list[s->n].path && ++s->n;
}

static bool check_shard(const struct shard *shard, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES], tensor[FMT_SHOW_BYTES];
	struct stat st;

	fmt_show(shard->name, name);
	fmt_show(json_key(shard->needed_by), tensor);
	if (stat(shard->path, &st))
		return fmt_fail(err, errno == ENOENT ? FMT_MISSING : FMT_IO, FMT_NO_OFFSET,
		                "shard %s, which holds tensor %s, cannot be opened: %s", name, tensor, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fmt_fail(err, FMT_UNSAFE, FMT_NO_OFFSET, "shard %s, which holds tensor %s, is not a regular file", name,
		                tensor);
	return true;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct fmt_model *open_files(const struct shards *s, struct fmt_err *err)
{
	const char **paths = malloc(s->n * sizeof *paths);
	struct fmt_model *m;

	if (!paths) {
		fmt_fail_nomem(err, s->n * sizeof *paths);
		return NULL;
	}
	for (uint32_t i = 0; i < s->n; i++)
		paths[i] = s->list[i].path;
	qsort(paths, s->n, sizeof *paths, by_path);
	m = fmt_model_open_shards(paths, s->n, err);
	for (uint32_t i = 0; m && i < s->n; i++) {
		const char *path = s->list[i].path, **at = bsearch(&path, paths, s->n, sizeof *paths, by_path);

		s->list[i].file = (uint32_t)(at - paths);
	}
	free(paths);
	return m;
}

/* Every tensor of weight_map is in its shard; counts those that the shards have beyond it. */
static bool check_map(const struct shards *s, const struct fmt_model *m, struct shards_extra *extra, struct fmt_err *err)
{
	struct fmt_index listed;
	char name[FMT_SHOW_BYTES], shard[FMT_SHOW_BYTES];

	fmt_index_init(&listed);
	for (const struct json *j = json_first(s->map); j && !err->code; j = json_next(j)) {
		const struct fmt_tensor *t = fmt_model_find(m, json_key(j));
		uint32_t number = 0;

		if (fmt_index_add(&listed, json_key(j), 0, err) == FMT_INDEX_THERE)
			fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "weight_map has tensor %s twice", fmt_show(json_key(j), name));
		if (!fmt_index_find(&s->index, json_str(j), &number) || !t || t->file != s->list[number].file)
			fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "weight_map: tensor %s is not in %s",
			         fmt_show(json_key(j), name), fmt_show(json_str(j), shard));
	}
	for (uint64_t i = 0; extra && i < m->n_tensors; i++) {
		uint32_t unused;

		if (fmt_index_find(&listed, m->tensors[i].name, &unused))
			continue;
		if (!extra->n++)
			extra->first = m->tensors[i].name;
	}
	fmt_index_finish(&listed);
	return !err->code;
}

static struct fmt_model *open_index(struct shards *s, const char *path, struct shards_extra *extra, struct fmt_err *err)
{
	struct fmt_model *m;

	if (!read_index(s, path, err))
		return NULL;
	for (const struct json *j = json_first(s->map); j; j = json_next(j))
		if (!add_shard(s, j, err))
			return NULL;
	for (uint32_t i = 0; i < s->n; i++)
		if (!check_shard(&s->list[i], err))
			return NULL;
	m = open_files(s, err);
	if (m && !check_map(s, m, extra, err)) {
		fmt_model_close(m);
		m = NULL;
	}
	return m;
}

struct fmt_model *shards_open(const char *dir, const char *index_name, struct shards_extra *extra, struct fmt_err *err)
{
	struct shards s = { .dir = dir };
	struct fmt_model *m = NULL;
	char *path = join(dir, index_name, strlen(index_name), err);

	if (extra)
		*extra = (struct shards_extra){ 0 };
	fmt_index_init(&s.index);
	if (path)
		m = open_index(&s, path, extra, err);
	if (!m && path)
		fmt_err_file(err, path);
	for (uint32_t i = 0; i < s.n; i++)
		free(s.list[i].path);
	free(s.list);
	fmt_index_finish(&s.index);
	json_free(s.doc);
	free(path);
	return m;
}

bool shards_is_part(const char *dir, const char *index_name, const char *file)
{
	struct fmt_err ignored = { .code = FMT_OK };
	struct shards s = { .dir = dir };
	char *path = join(dir, index_name, strlen(index_name), &ignored);
	bool named = false, others = false;

	if (path && read_index(&s, path, &ignored))
		for (const struct json *j = json_first(s.map); j; j = json_next(j)) {
			bool same = fmt_str_is(json_str(j), file);

			named |= same;
			others |= !same;
		}
	json_free(s.doc);
	free(path);
	return named && others;
}
