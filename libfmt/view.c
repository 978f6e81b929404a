/* Opening and closing a view: a GGUF as it is, or a checkpoint through its architecture's description. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "limit.h"
#include "tok_keys.h"
#include "tok_make.h"
#include "view_impl.h"

bool fmt_view_note(struct fmt_view *v, struct fmt_err *err, const char *format, ...)
{
	char text[400];
	va_list args;
	const char **notes = fmt_arena_grow(&v->impl->mem, v->impl->notes, v->n_notes, v->n_notes + 1, sizeof *notes, err);
	char *copy;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	copy = notes ? fmt_arena_bytes(&v->impl->mem, text, strlen(text), err) : NULL;
	if (!copy)
		return false;
	notes[v->n_notes++] = copy;
	v->impl->notes = notes;
	v->notes = notes;
	return true;
}

/* Adds the first model_type of every description of a table to a text, for an error; what is too much, as dots. */
static void add_names(const struct fmt_arch *const *table, char *out, size_t n)
{
	static const char more[] = ", ...";
	size_t at = strlen(out);

	for (const struct fmt_arch *const *a = table; *a && !(at && out[at - 1] == '.'); a++) {
		bool fits = strlen((*a)->types[0]) + 2 + sizeof more < n - at;

		at += (size_t)snprintf(out + at, n - at, "%s%s", at ? ", " : "", fits ? (*a)->types[0] : "...");
	}
}

/* What is known, by model types, which are shorter than classes. */
static const char *list_known(const struct fmt_view_opts *opts, char *out, size_t n)
{
	out[0] = 0;
	add_names(arch_table, out, n);
	if (opts->plan_only)
		add_names(arch_counted, out, n);
	return out;
}

/* The description for a class and a model_type, of which the second says what the language model is where the class joins it
 * and other parts.
 * counted   out: it is one that can only be counted */
static const struct fmt_arch *by_words(struct fmt_str class, struct fmt_str type, bool joins, bool *counted)
{
	const struct fmt_arch *const *const tables[] = { arch_table, arch_counted };
	const struct fmt_str none = { "", 0 };
	const struct {
		struct fmt_str class, type;
	} tries[] = { { class, type }, { joins ? none : class, joins || !class.n ? type : none }, { class, none } };

	for (size_t i = 0; i < 2 * sizeof tries / sizeof *tries; i++) {
		const struct fmt_arch *arch = arch_find(tables[i % 2], tries[i / 2].class, tries[i / 2].type);

		*counted = i % 2;
		if (arch)
			return arch;
	}
	*counted = false;
	return NULL;
}

/* The description that config.json asks for: by its class, else by its model_type. */
static const struct fmt_arch *choose_arch(const struct hf_dir *d, const struct fmt_view_opts *opts, bool *counted_only,
                                          struct fmt_err *err)
{
	const struct json *config = hf_json(d, HF_CONFIG);
	struct fmt_str class = json_str(json_first(arch_conf_find(config, "architectures", 13)));
	struct fmt_str type = json_str(arch_conf_find(config, "model_type", 10));
	const struct fmt_arch *arch, *fits;
	char known[320];

	if (opts->arch) {
		struct fmt_str name = { opts->arch, strlen(opts->arch) };

		arch = fmt_arch_by_gguf(name);
		if (!arch)
			arch = fmt_arch_by_class(name);
		if (!arch)
			arch = arch_by_type(name);
		if (!arch)
			fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "unknown architecture '%s'; known: %s", opts->arch,
			         list_known(opts, known, sizeof known));
		return arch;
	}
	arch = by_words(class, type, json_is(json_get(config, "text_config"), JSON_OBJECT), counted_only);
	if (!arch && opts->vocab_only)
		arch = arch_find(arch_vocab_only, class, type);
	if (arch && (opts->plan_only || !*counted_only))
		return arch;
	if (opts->vocab_only) {
		*counted_only = false;
		return &arch_vocabulary;
	}
	if (opts->plan_only)
		arch_unknown(config, class, type, err);
	else if (!arch && d->weights && (fits = arch_by_tensors(d->weights)))
		fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "unknown architecture '%.*s', but its tensors have the names of %s (st2gguf "
		         "--arch %s tries that)", (int)(class.n ? class.n : type.n), class.n ? class.p : type.n ? type.p : "", fits->types[0],
		         fits->types[0]);
	else
		fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, arch ? "'%.*s' can be counted (llm-mem), but not yet be converted "
		         "or run; known: %s" : "unknown architecture '%.*s'; known: %s",
		         (int)(class.n ? class.n : type.n), class.n ? class.p : type.n ? type.p : "",
		         list_known(opts, known, sizeof known));
	fmt_err_file(err, hf_file_path(d, HF_CONFIG));
	return NULL;
}

/* The model's numbers, by which it may be of another description. */
static bool read_conf(struct fmt_view *v, const struct json *config, struct fmt_err *err)
{
	struct arch_conf *conf = &v->impl->conf;
	bool experts = false;

	if (!arch_conf_read(v->arch, config, conf, err))
		return false;
	for (uint64_t i = 0; i < conf->n[P_LAYERS]; i++)
		experts = experts || conf->layer[i] & LAYER_MOE;
	if (!v->arch->with_experts || !experts)
		return true;
	v->arch = v->arch->with_experts;
	return arch_conf_read(v->arch, config, conf, err);
}

static bool open_checkpoint(struct fmt_view *v, const struct fmt_view_opts *opts, struct fmt_err *err)
{
	struct fmt_view_impl *im = v->impl;
	const struct json *config;

	v->from_dir = true;
	if (opts->plan_only ? !hf_dir_open_config(&im->dir, &im->mem, v->path, !opts->no_tokenizer, err) :
	                      !hf_dir_open(&im->dir, &im->mem, v->path, !opts->vocab_only, !opts->no_tokenizer, err))
		return false;
	config = hf_json(&im->dir, HF_CONFIG);
	v->weights = im->dir.weights;
	v->arch = choose_arch(&im->dir, opts, &v->counted_only, err);
	if (!v->arch)
		return false;
	if (!read_conf(v, config, err)) {
		fmt_err_file(err, hf_file_path(&im->dir, HF_CONFIG));
		return false;
	}
	packed_tables_init(&im->tables);
	if (!opts->plan_only && !packed_scheme_choose(config, hf_json(&im->dir, HF_QUANT_CONFIG), &im->scheme, &im->settings, err)) {
		fmt_err_file(err, hf_file_path(&im->dir, HF_CONFIG));
		return false;
	}
	if (!opts->no_tokenizer && !v->counted_only && !tok_make(&im->dir, &im->mem, opts->pre, err))
		return false;
	v->arch_name = (struct fmt_str){ v->arch->gguf, strlen(v->arch->gguf) };
	v->tokenizer_json = im->dir.file[HF_TOKENIZER].text;
	v->tokenizer_model = im->dir.file[HF_TOKENIZER_MODEL].text;
	return (opts->vocab_only || (opts->plan_only ? view_plan_config(v, err) : view_plan(v, opts->keep_nvfp4, err))) && view_keys(v, opts, err);
}

/* Names to numbers, for the lookups. Two equal names are a file's fault that its reader has refused already. */
static bool make_indices(struct fmt_view *v, struct fmt_err *err)
{
	for (uint64_t i = 0; i < v->n_kv; i++)
		if (fmt_index_add(&v->impl->keys, v->kv[i].key, (uint32_t)i, err) == FMT_INDEX_FAILED)
			return false;
	for (uint64_t i = 0; i < v->n_tensors; i++)
		if (fmt_index_add(&v->impl->names, v->tensors[i].name, (uint32_t)i, err) == FMT_INDEX_FAILED)
			return false;
	return true;
}

/* True if the path is a file that begins as a GGUF does. Whatever else is wrong with it, its reader will say. */
static bool is_gguf(const char *path)
{
	struct stat st;
	char magic[4] = "";
	FILE *f = stat(path, &st) || !S_ISREG(st.st_mode) ? NULL : fopen(path, "rb");
	bool is = f && fread(magic, 1, 4, f) == 4 && !memcmp(magic, "GGUF", 4);

	if (f)
		fclose(f);
	return is;
}

struct fmt_view *fmt_view_open(const char *path, const struct fmt_view_opts *opts, struct fmt_err *err)
{
	static const struct fmt_view_opts none;
	struct fmt_view *v = calloc(1, sizeof *v);
	bool ok;

	if (v)
		v->impl = calloc(1, sizeof *v->impl);
	if (!v || !v->impl) {
		fmt_fail_nomem(err, sizeof *v + sizeof *v->impl);
		free(v);
		return NULL;
	}
	fmt_arena_init(&v->impl->mem, LIMIT_VIEW_BYTES);
	fmt_index_init(&v->impl->keys);
	fmt_index_init(&v->impl->names);
	opts = opts ? opts : &none;
	v->path = fmt_arena_bytes(&v->impl->mem, path, strlen(path), err);
	ok = v->path && (is_gguf(path)         ? view_gguf(v, opts, err)
	                 : view_is_adapter(path) ? view_adapter(v, opts, err)
	                                         : open_checkpoint(v, opts, err)) && make_indices(v, err);
	if (!ok) {
		fmt_err_file(err, path);
		fmt_view_close(v);
		return NULL;
	}
	return v;
}

bool fmt_view_embed_tokenizer(struct fmt_view *v, struct fmt_err *err)
{
	static const struct fmt_str key = { VIEW_TOKENIZER_KEY, sizeof VIEW_TOKENIZER_KEY - 1 };
	struct fmt_kv *kv;

	if (fmt_view_get(v, VIEW_TOKENIZER_KEY))
		return true;
	if (!v->tokenizer_json.n) {
		fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, v->from_dir ? "no tokenizer.json to embed; " TOK_HOW_TO_GET :
		         "no tokenizer.json to keep; convert the model's directory");
		fmt_err_file(err, v->path);
		return false;
	}
	kv = fmt_arena_alloc(&v->impl->mem, v->n_kv + 1, sizeof *kv, err);
	if (!kv || fmt_index_add(&v->impl->keys, key, (uint32_t)v->n_kv, err) == FMT_INDEX_FAILED)
		return false;
	memcpy(kv, v->kv, v->n_kv * sizeof *kv);
	kv[v->n_kv++] = (struct fmt_kv){ .key = key, .value = { .type = FMT_KV_STR, .as.s = v->tokenizer_json } };
	v->kv = kv;
	return true;
}

void fmt_view_close(struct fmt_view *v)
{
	if (!v)
		return;
	hf_dir_close(&v->impl->dir);
	fmt_model_close(v->impl->gguf);
	fmt_view_close(v->impl->base);
	fmt_index_finish(&v->impl->keys);
	fmt_index_finish(&v->impl->names);
	fmt_arena_finish(&v->impl->mem);
	free(v->impl);
	free(v);
}
