/* The small files of a Hugging Face directory. See hf_dir.h; the weights are found in hf_weights.c. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libfmt/utf8.h>

#include "hf_dir.h"
#include "hf_weights.h"
#include "index.h"
#include "limit.h"
#include "source.h"

#define MIB (UINT64_C(1) << 20)
#define MAX_TEMPLATES 64 /* of one model; three are the most that were seen */

/* Ceilings: config.json of the largest models is below 100 KB, quantization settings with a line per layer come to
 * some MB; the largest tokenizer.json is 35 MB (a vocabulary of 262,144). */
static const struct {
	const char *name;
	uint64_t max_bytes;
	bool json, tokenizer;
	bool instead; /* of tokenizer.json, where there is none */
} files[HF_FILE_COUNT] = {
	[HF_CONFIG] = { "config.json", 16 * MIB, true, false, false },
	[HF_GENERATION] = { "generation_config.json", 16 * MIB, true, false, false },
	[HF_MODEL_CARD] = { "README.md", 16 * MIB, false, false, false },
	[HF_TOKENIZER] = { "tokenizer.json", 256 * MIB, true, true, false },
	[HF_TOKENIZER_CONFIG] = { "tokenizer_config.json", 64 * MIB, true, true, false },
	[HF_ADDED_TOKENS] = { "added_tokens.json", 64 * MIB, true, true, false },
	[HF_TOKENIZER_MODEL] = { "tokenizer.model", 256 * MIB, false, true, false },
	[HF_SPECIAL_MAP] = { "special_tokens_map.json", 16 * MIB, true, true, false },
	[HF_VOCAB] = { "vocab.json", 256 * MIB, true, true, true },
	[HF_MERGES] = { "merges.txt", 256 * MIB, false, true, true },
	[HF_TIKTOKEN] = { "o200k_base.tiktoken", 256 * MIB, false, true, true },
	[HF_TEKKEN] = { "tekken.json", 256 * MIB, true, true, true },
	[HF_CHAT_TEMPLATE] = { "chat_template.jinja", 16 * MIB, false, true, false },
	[HF_CHAT_TEMPLATE_JSON] = { "chat_template.json", 16 * MIB, true, true, false },
	[HF_QUANT_CONFIG] = { "hf_quant_config.json", 16 * MIB, true, false, false },
	[HF_ADAPTER] = { "adapter_config.json", 16 * MIB, true, false, false },
};

const char *hf_file_path(const struct hf_dir *d, enum hf_file_id id)
{
	return d->file[id].path ? d->file[id].path : files[id].name;
}

const struct json *hf_json(const struct hf_dir *d, enum hf_file_id id)
{
	return d->file[id].json ? json_root(d->file[id].json) : NULL;
}

const struct json *hf_json_own(const struct hf_dir *d, enum hf_file_id id)
{
	return d->file[id].made ? NULL : hf_json(d, id);
}

char *hf_path(struct fmt_arena *mem, const char *dir, const char *name, struct fmt_err *err)
{
	size_t n_dir = strlen(dir), n_name = strlen(name);
	bool slash = n_dir && dir[n_dir - 1] != '/';
	char *path = fmt_arena_text(mem, n_dir + slash + n_name, err);

	if (!path)
		return NULL;
	memcpy(path, dir, n_dir);
	if (slash)
		path[n_dir] = '/';
	memcpy(path + n_dir + slash, name, n_name);
	return path;
}

/* All bytes of a file, with a NUL behind them. */
static bool read_text(struct fmt_arena *mem, const char *path, uint64_t max_bytes, struct fmt_str *text,
                      struct fmt_err *err)
{
	struct fmt_source s;
	char *p = NULL;

	if (!fmt_source_open(&s, path, err))
		return false;
	if (s.n_bytes > max_bytes)
		fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "%llu bytes; a file of this name has at most %llu",
		         (unsigned long long)s.n_bytes, (unsigned long long)max_bytes);
	else
		p = fmt_arena_text(mem, s.n_bytes, err);
	if (p && fmt_source_read(&s, 0, p, (size_t)s.n_bytes, err))
		*text = (struct fmt_str){ p, (size_t)s.n_bytes };
	fmt_err_file(err, path);
	fmt_source_close(&s);
	return !err->code;
}

/* Reads a file as the one that `id` stands for. */
static bool read_as(struct hf_dir *d, struct fmt_arena *mem, enum hf_file_id id, const char *path, struct fmt_err *err)
{
	struct hf_file *f = &d->file[id];
	struct stat st;

	f->path = path;
	if (!path)
		return false;
	if (stat(path, &st))
		return true; /* not there, which only its users can judge */
	mem->limit_bytes += LIMIT_ARENA_FACTOR * ((uint64_t)st.st_size < files[id].max_bytes ? (uint64_t)st.st_size : 0);
	if (!read_text(mem, path, files[id].max_bytes, &f->text, err))
		return false;
	if (files[id].json) {
		f->json = json_parse(f->text.p, f->text.n, err);
		fmt_err_file(err, path);
	}
	f->there = true;
	return !err->code;
}

/* tiktoken's files have many names. */
static bool read_tiktoken(struct hf_dir *d, struct fmt_arena *mem, struct fmt_err *err)
{
	static const char *const names[] = {
		"o200k_base.tiktoken", "o200k_harmony.tiktoken", "cl100k_base.tiktoken", "qwen.tiktoken", "tiktoken.model",
		"r50k_base.tiktoken",
	};

	for (size_t i = 0; !d->file[HF_TIKTOKEN].there && i < sizeof names / sizeof *names; i++)
		if (!read_as(d, mem, HF_TIKTOKEN, hf_path(mem, d->path, names[i], err), err))
			return false;
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct hf_template *x = a, *y = b;
	int order = memcmp(x->name.p, y->name.p, x->name.n < y->name.n ? x->name.n : y->name.n);

	return order ? order : x->name.n < y->name.n ? -1 : x->name.n > y->name.n;
}

/* One more template, if the file's name ends as one's does. */
static bool read_template(struct hf_dir *d, struct fmt_arena *mem, const char *folder, const char *file, struct fmt_err *err)
{
	static const char ending[] = ".jinja";
	size_t n = strlen(file), n_name = n < sizeof ending ? 0 : n - (sizeof ending - 1);
	struct hf_template *t;
	const char *path;

	if (!n_name || strcmp(file + n_name, ending) != 0)
		return true;
	if (d->n_templates == MAX_TEMPLATES) {
		fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "more than %d templates", MAX_TEMPLATES);
		fmt_err_file(err, folder);
		return false;
	}
	mem->limit_bytes += files[HF_CHAT_TEMPLATE].max_bytes;
	t = fmt_arena_grow(mem, d->templates, d->n_templates, d->n_templates + 1, sizeof *t, err);
	path = hf_path(mem, folder, file, err);
	if (!t || !path)
		return false;
	d->templates = t;
	t += d->n_templates++;
	t->name = fmt_arena_str(mem, (struct fmt_str){ file, n_name }, err);
	return t->name.p && read_text(mem, path, files[HF_CHAT_TEMPLATE].max_bytes, &t->text, err);
}

/* The templates that are not the first: in a folder of their own, in the order of their names. */
static bool read_templates(struct hf_dir *d, struct fmt_arena *mem, struct fmt_err *err)
{
	const char *folder = hf_path(mem, d->path, "additional_chat_templates", err);
	DIR *dir = folder ? opendir(folder) : NULL;
	const struct dirent *entry;
	bool ok = true;

	if (!dir)
		return folder != NULL; /* none: most models have one template */
	while (ok && (entry = readdir(dir)))
		ok = read_template(d, mem, folder, entry->d_name, err);
	closedir(dir);
	if (d->n_templates)
		qsort(d->templates, d->n_templates, sizeof *d->templates, by_name);
	return ok;
}

static bool read_one(struct hf_dir *d, struct fmt_arena *mem, enum hf_file_id id, struct fmt_err *err)
{
	if (files[id].instead && d->file[HF_TOKENIZER].there)
		return true;
	if (id == HF_TIKTOKEN)
		return read_tiktoken(d, mem, err);
	return read_as(d, mem, id, hf_path(mem, d->path, files[id].name, err), err) &&
	       (id != HF_CHAT_TEMPLATE || !d->file[id].there || read_templates(d, mem, err));
}

/* Splits "a/b/model.safetensors" into the directory and the file; a directory stays whole. */
static bool split_path(struct hf_dir *d, struct fmt_arena *mem, const char *path, const char **weights,
                       struct fmt_err *err)
{
	const char *slash = strrchr(path, '/');
	struct stat st;

	*weights = NULL;
	d->path = path;
	if (stat(path, &st)) {
		fmt_fail_errno(err, errno, "cannot open");
		fmt_err_file(err, path);
		return false;
	}
	if (S_ISDIR(st.st_mode))
		return true;
	*weights = path;
	d->path = !slash ? "." : slash == path ? "/" : fmt_arena_bytes(mem, path, (size_t)(slash - path), err);
	return d->path != NULL;
}

/* The directory's own name, from the path as given where that says it. */
static bool find_name(struct hf_dir *d, struct fmt_arena *mem, struct fmt_err *err)
{
	size_t n = strlen(d->path), start;
	char *real = NULL;
	const char *p = d->path;

	for (int pass = 0;; pass++) {
		while (n > 1 && p[n - 1] == '/')
			n--;
		for (start = n; start && p[start - 1] != '/'; start--)
			;
		if (pass || (strncmp(p + start, ".", n - start) && strncmp(p + start, "..", n - start)))
			break;
		real = realpath(d->path, NULL);
		if (!real)
			break;
		p = real;
		n = strlen(real);
	}
	d->name = fmt_arena_bytes(mem, p + start, n - start, err);
	free(real);
	return d->name != NULL;
}

/* A key that stands twice has two values: Python's reader takes the last, others the first. */
static bool keys_are_once(const struct json *object, struct fmt_err *err)
{
	struct fmt_index seen;
	bool ok = true;

	fmt_index_init(&seen);
	for (const struct json *j = json_first(object); ok && j; j = json_next(j)) {
		enum fmt_index_added added = fmt_index_add(&seen, json_key(j), 0, err);
		char key[FMT_SHOW_BYTES];

		ok = added == FMT_INDEX_ADDED;
		if (added == FMT_INDEX_THERE)
			fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%s is there more than once", fmt_show(json_key(j), key));
	}
	fmt_index_finish(&seen);
	return ok;
}

/* What holds for every config.json, whatever the model. One that is no object has no architecture, as its reader says. */
static bool check_config(const struct hf_dir *d, struct fmt_err *err)
{
	const struct json *config = hf_json(d, HF_CONFIG), *text;
	bool ok;

	if (!json_is(config, JSON_OBJECT))
		return true;
	text = json_get(config, "text_config");
	ok = json_is(text, JSON_OBJECT) ? keys_are_once(text, err) :
	     json_is(text, JSON_NULL) || !text ||
	     fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "text_config: expected an object");
	ok = ok && keys_are_once(config, err);
	if (!ok)
		fmt_err_file(err, hf_file_path(d, HF_CONFIG));
	return ok;
}

static bool no_config(const struct hf_dir *d, struct fmt_err *err)
{
	return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "no config.json in '%s': not the directory of a model", d->path);
}

static bool has_tokenizer(const struct hf_dir *d)
{
	for (int id = 0; id < HF_FILE_COUNT; id++)
		if (d->file[id].there && files[id].tokenizer)
			return true;
	return false;
}

bool hf_dir_open(struct hf_dir *d, struct fmt_arena *mem, const char *path, bool weights, bool tokenizer,
                 struct fmt_err *err)
{
	const char *one_file;

	*d = (struct hf_dir){ .path = path };
	if (!split_path(d, mem, path, &one_file, err) || !find_name(d, mem, err))
		return false;
	for (int id = 0; id < HF_FILE_COUNT; id++)
		if (id != HF_ADAPTER && (tokenizer || !files[id].tokenizer) && !read_one(d, mem, (enum hf_file_id)id, err))
			return false;
	if (!d->file[HF_CONFIG].there && (weights || !has_tokenizer(d)))
		return no_config(d, err);
	if (!check_config(d, err))
		return false;
	if (weights)
		d->weights = one_file ? hf_weights_open_file(d->path, one_file, err) : hf_weights_open(d->path, mem, err);
	return !err->code;
}

bool hf_dir_open_config(struct hf_dir *d, struct fmt_arena *mem, const char *path, bool tokenizer, struct fmt_err *err)
{
	struct stat st;

	if (stat(path, &st) || S_ISDIR(st.st_mode))
		return hf_dir_open(d, mem, path, false, tokenizer, err) && (d->file[HF_CONFIG].there || no_config(d, err));
	*d = (struct hf_dir){ .path = path, .name = "" };
	if (!read_as(d, mem, HF_CONFIG, path, err))
		return false;
	if (!json_is(hf_json(d, HF_CONFIG), JSON_OBJECT)) {
		fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "not a config.json: it is no object");
		fmt_err_file(err, path);
	}
	return !err->code && check_config(d, err);
}

bool hf_dir_open_files(struct hf_dir *d, struct fmt_arena *mem, const char *path, const enum hf_file_id *ids, size_t n,
                       struct fmt_err *err)
{
	const char *one_file;

	*d = (struct hf_dir){ .path = path };
	if (!split_path(d, mem, path, &one_file, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!read_one(d, mem, ids[i], err))
			return false;
	return true;
}

void hf_dir_close(struct hf_dir *d)
{
	for (int id = 0; id < HF_FILE_COUNT; id++)
		json_free(d->file[id].json);
	fmt_model_close(d->weights);
	*d = (struct hf_dir){ .path = NULL };
}
