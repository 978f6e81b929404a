/* Where a model keeps its chat templates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libfmt/chat_templates.h>

#include "hf_dir.h"
#include "limit.h"

#define GGUF_KEY "tokenizer.chat_template"

struct fmt_chat_templates_impl {
	struct fmt_chat_templates seen;
	struct fmt_arena mem;
	struct hf_dir dir;
	struct fmt_model *gguf;
};

static void add(struct fmt_chat_templates_impl *t, struct fmt_str name, struct fmt_str text, struct fmt_err *err)
{
	struct fmt_chat_template *items = (struct fmt_chat_template *)t->seen.items;

	items = fmt_arena_grow(&t->mem, items, t->seen.n, t->seen.n + 1, sizeof *items, err);
	if (!items || !name.p || !text.p)
		return;
	items[t->seen.n++] = (struct fmt_chat_template){ name, text };
	t->seen.items = items;
}

/* A token of tokenizer_config.json: a string, or an object with its content. */
static struct fmt_str token(const struct json *j)
{
	return json_is(j, JSON_OBJECT) ? json_str(json_get(j, "content")) : json_str(j);
}

static void read_dir(struct fmt_chat_templates_impl *t, struct fmt_err *err)
{
	const struct json *config = hf_json(&t->dir, HF_TOKENIZER_CONFIG), *j = json_get(config, "chat_template");

	t->seen.bos = token(json_get(config, "bos_token"));
	t->seen.eos = token(json_get(config, "eos_token"));
	if (t->dir.file[HF_CHAT_TEMPLATE].there) {
		add(t, FMT_STR("default"), t->dir.file[HF_CHAT_TEMPLATE].text, err);
		for (uint64_t i = 0; i < t->dir.n_templates; i++)
			add(t, t->dir.templates[i].name, t->dir.templates[i].text, err);
		return;
	}
	if (!j || json_type(j) == JSON_NULL)
		j = json_get(hf_json(&t->dir, HF_CHAT_TEMPLATE_JSON), "chat_template");
	if (json_is(j, JSON_STRING))
		add(t, FMT_STR("default"), json_str(j), err);
	else if (json_is(j, JSON_ARRAY))
		for (j = json_first(j); j; j = json_next(j))
			add(t, json_str(json_get(j, "name")), json_str(json_get(j, "template")), err);
}

/* The text of the token whose id stands under `key`. */
static struct fmt_str gguf_token(const struct fmt_model *m, const char *key)
{
	const struct fmt_value *id = fmt_model_get(m, key), *tokens = fmt_model_get(m, "tokenizer.ggml.tokens");

	if (!id || id->type != FMT_KV_U32 || !tokens || tokens->type != FMT_KV_ARR || tokens->elem != FMT_KV_STR ||
	    id->as.u >= tokens->n)
		return (struct fmt_str){ NULL, 0 };
	return tokens->as.strs[id->as.u];
}

static void read_gguf(struct fmt_chat_templates_impl *t, struct fmt_err *err)
{
	size_t n = sizeof GGUF_KEY - 1;

	t->seen.bos = gguf_token(t->gguf, "tokenizer.ggml.bos_token_id");
	t->seen.eos = gguf_token(t->gguf, "tokenizer.ggml.eos_token_id");
	for (uint64_t i = 0; i < t->gguf->n_kv; i++) {
		const struct fmt_kv *kv = &t->gguf->kv[i];

		if (kv->value.type != FMT_KV_STR || kv->key.n < n || memcmp(kv->key.p, GGUF_KEY, n))
			continue;
		if (kv->key.n == n)
			add(t, FMT_STR("default"), kv->value.as.s, err);
		else if (kv->key.p[n] == '.')
			add(t, (struct fmt_str){ kv->key.p + n + 1, kv->key.n - n - 1 }, kv->value.as.s, err);
	}
}

static bool is_gguf(const char *path)
{
	char magic[4] = { 0 };
	FILE *f = fopen(path, "rb");
	bool is = f && fread(magic, 1, sizeof magic, f) == sizeof magic && !memcmp(magic, "GGUF", sizeof magic);

	if (f)
		fclose(f);
	return is;
}

struct fmt_chat_templates *fmt_chat_templates_open(const char *path, struct fmt_err *err)
{
	static const enum hf_file_id files[] = { HF_TOKENIZER_CONFIG, HF_CHAT_TEMPLATE, HF_CHAT_TEMPLATE_JSON };
	struct fmt_chat_templates_impl *t = calloc(1, sizeof *t);
	struct stat st;

	if (!t) {
		fmt_fail_nomem(err, sizeof *t);
		return NULL;
	}
	t->seen.impl = t;
	fmt_arena_init(&t->mem, LIMIT_ARENA_BASE);
	if (!stat(path, &st) && !S_ISDIR(st.st_mode) && is_gguf(path)) {
		t->gguf = fmt_model_open(path, err);
		if (t->gguf)
			read_gguf(t, err);
		fmt_err_file(err, path);
	} else if (hf_dir_open_files(&t->dir, &t->mem, path, files, sizeof files / sizeof *files, err)) {
		read_dir(t, err);
	}
	if (!err->code)
		return &t->seen;
	fmt_chat_templates_close(&t->seen);
	return NULL;
}

void fmt_chat_templates_close(struct fmt_chat_templates *seen)
{
	struct fmt_chat_templates_impl *t = seen ? seen->impl : NULL;

	if (!t)
		return;
	fmt_model_close(t->gguf);
	hf_dir_close(&t->dir);
	fmt_arena_finish(&t->mem);
	free(t);
}

static const struct fmt_chat_template *find(const struct fmt_chat_templates *t, const char *name)
{
	for (uint64_t i = 0; i < t->n; i++)
		if (fmt_str_is(t->items[i].name, name))
			return &t->items[i];
	return NULL;
}

/* The names of all, for a message. */
static const char *names(const struct fmt_chat_templates *t, char *out, size_t n)
{
	size_t at = 0;

	out[0] = '\0';
	for (uint64_t i = 0; i < t->n && at < n; i++)
		at += (size_t)snprintf(out + at, n - at, "%s%.*s", i ? ", " : "", (int)(t->items[i].name.n > 60 ? 60 : t->items[i].name.n), t->items[i].name.p);
	return out;
}

const struct fmt_chat_template *fmt_chat_template_choose(const struct fmt_chat_templates *t, const char *name,
                                                         bool has_tools, struct fmt_err *err)
{
	const struct fmt_chat_template *found = NULL;
	char list[200];

	if (name)
		found = find(t, name);
	else if (has_tools)
		found = find(t, "tool_use");
	if (!found && !name)
		found = find(t, "default");
	if (!found && !name && t->n == 1)
		found = &t->items[0];
	if (found)
		return found;
	if (!t->n)
		fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "the model has no chat template");
	else
		fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "no chat template '%s'; there are: %s", name ? name : "default",
		         names(t, list, sizeof list));
	return NULL;
}
