/* general.* keys. See meta_keys.h. Keys, their order and precedence: gguf-py, metadata.py. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "meta_keys.h"
#include "model_card.h"
#include "model_name.h"
#include "view_impl.h"

/* Facts of one string, in the order in which they are written. */
enum fact {
	NAME, AUTHOR, VERSION, ORGANIZATION, FINETUNE, BASENAME, DESCRIPTION, SIZE_LABEL, LICENSE, LICENSE_NAME, LICENSE_LINK,
	SOURCE_URL, SOURCE_DOI, SOURCE_UUID, SOURCE_REPO, FACT_COUNT
};

/* The GGUF key, and where a model card says it: the first name that is there counts. */
static const struct {
	const char *key;
	const char *card[3];
} facts[FACT_COUNT] = {
	[NAME] = { "general.name", { "name", "model_name" } },
	[AUTHOR] = { "general.author", { "author", "model_author", "model_creator" } },
	[VERSION] = { "general.version", { "version", "model_version" } },
	[ORGANIZATION] = { "general.organization", { "organization", "model_organization" } },
	[FINETUNE] = { "general.finetune", { "finetune", "model_finetune" } },
	[BASENAME] = { "general.basename", { "basename", "model_basename", "model_type" } },
	[DESCRIPTION] = { "general.description", { "description", "model_description" } },
	[SIZE_LABEL] = { "general.size_label", { "size_label", "model_size_label" } },
	[LICENSE] = { "general.license", { "license" } },
	[LICENSE_NAME] = { "general.license.name", { "license_name" } },
	[LICENSE_LINK] = { "general.license.link", { "license_link" } },
	[SOURCE_URL] = { "general.source.url", { "url", "model_url" } },
	[SOURCE_DOI] = { "general.source.doi", { "doi", "model_doi" } },
	[SOURCE_UUID] = { "general.source.uuid", { "uuid", "model_uuid" } },
	[SOURCE_REPO] = { "general.source.repo_url", { "repo_url", "model_repo_url" } },
};

struct meta {
	struct kv_list *l;
	struct model_card card;
	uint64_t n_params;
	struct fmt_str fact[FACT_COUNT]; /* .p NULL: not known. The first source that knows it wins */
};

static void take(struct fmt_str *to, struct fmt_str from)
{
	if (!to->p && from.p)
		*to = from;
}

/* "a,b" from a list of licences. */
static struct fmt_str join(struct kv_list *l, const struct card_entry *e)
{
	uint64_t n = 0;
	char *text;

	for (uint64_t i = 0; i < e->n; i++)
		n += e->values[i].n + 1;
	text = fmt_arena_text(l->mem, n, l->err);
	n = 0;
	for (uint64_t i = 0; text && i < e->n; i++) {
		if (i)
			text[n++] = ',';
		memcpy(text + n, e->values[i].p, e->values[i].n);
		n += e->values[i].n;
	}
	return (struct fmt_str){ text, (size_t)n };
}

static void take_card(struct meta *m)
{
	for (int f = 0; f < FACT_COUNT; f++) {
		for (size_t i = 0; i < 3 && facts[f].card[i]; i++) {
			const struct card_entry *e = model_card_get(&m->card, facts[f].card[i]);

			if (e)
				take(&m->fact[f], f == LICENSE ? join(m->l, e) : e->values[0]);
		}
	}
}

static void take_id(struct meta *m, struct fmt_str id)
{
	struct fmt_arena *mem = m->l->mem;
	struct fmt_err *err = m->l->err;
	struct model_name n;

	if (!id.n || !model_name_parse(mem, id, m->n_params, &n, err))
		return;
	take(&m->fact[NAME], model_name_title(mem, n.full, err));
	if (n.organization.p)
		take(&m->fact[ORGANIZATION], model_name_title(mem, n.organization, err));
	take(&m->fact[BASENAME], n.basename);
	take(&m->fact[FINETUNE], n.finetune);
	take(&m->fact[VERSION], n.version);
	take(&m->fact[SIZE_LABEL], n.size_label);
}

static void parent_key(struct meta *m, const char *group, uint64_t i, const char *what, struct fmt_str value)
{
	char key[64];

	snprintf(key, sizeof key, "general.%s.%" PRIu64 ".%s", group, i, what);
	if (value.p)
		kv_str(m->l, key, value);
}

/* "ORG/NAME" of an address "https://huggingface.co/ORG/NAME"; .p NULL for any other. */
static struct fmt_str hub_id(struct fmt_str url)
{
	size_t skip = fmt_str_starts(url, "https://huggingface.co/") ? 23 : fmt_str_starts(url, "http://huggingface.co/") ? 22 : 0;
	struct fmt_str id = { url.p + skip, url.n - skip };
	const char *slash = skip ? memchr(id.p, '/', id.n) : NULL;

	if (!slash || slash == id.p || slash + 1 == id.p + id.n || memchr(slash + 1, '/', id.n - (size_t)(slash + 1 - id.p)))
		id.p = NULL;
	return id;
}

/* A base model or a data set, by what its identifier or address says. */
static void parent(struct meta *m, const char *group, uint64_t i, struct fmt_str id)
{
	struct fmt_arena *mem = m->l->mem;
	struct fmt_err *err = m->l->err;
	bool url = fmt_str_starts(id, "http://") || fmt_str_starts(id, "https://") || fmt_str_starts(id, "ssh://");
	struct fmt_str repo = { NULL, 0 };
	struct model_name n = { .full = { NULL, 0 } };

	if (url)
		repo = id;
	id = url ? hub_id(id) : id;
	if (id.p)
		model_name_parse(mem, id, m->n_params, &n, err);
	if (!url && n.organization.p) {
		char *text = fmt_arena_text(mem, 23 + id.n, err);

		if (text) {
			memcpy(text, "https://huggingface.co/", 23);
			memcpy(text + 23, id.p, id.n);
			repo = (struct fmt_str){ text, 23 + id.n };
		}
	}
	if (n.full.p)
		parent_key(m, group, i, "name", model_name_title(mem, n.full, err));
	parent_key(m, group, i, "version", n.version);
	if (n.organization.p)
		parent_key(m, group, i, "organization", model_name_title(mem, n.organization, err));
	parent_key(m, group, i, "repo_url", repo);
}

static void parents(struct meta *m, const char *group, const char *const *names)
{
	const struct card_entry *e = NULL;
	char key[64];

	for (; *names && !e; names++)
		e = model_card_get(&m->card, *names);
	if (!e)
		return;
	snprintf(key, sizeof key, "general.%s.count", group);
	kv_u32(m->l, key, (uint32_t)e->n);
	for (uint64_t i = 0; i < e->n; i++)
		parent(m, group, i, e->values[i]);
}

/* Two entries of the card as one list. */
static void list_key(struct meta *m, const char *key, const char *first, const char *second)
{
	const struct card_entry *e[2] = { model_card_get(&m->card, first), model_card_get(&m->card, second) };
	uint64_t n = (e[0] ? e[0]->n : 0) + (e[1] ? e[1]->n : 0), at = 0;
	struct fmt_str *all = n ? fmt_arena_alloc(m->l->mem, n, sizeof *all, m->l->err) : NULL;

	if (!all)
		return;
	for (size_t k = 0; k < 2; k++)
		for (uint64_t i = 0; e[k] && i < e[k]->n; i++)
			all[at++] = e[k]->values[i];
	kv_strs(m->l, key, all, n);
}

/* What generation_config.json recommends for sampling. */
static void sampling_keys(struct kv_list *l, const struct json *config)
{
	static const struct {
		const char *name, *other, *key;
		enum fmt_kv_type type;
	} rows[] = {
		{ "sequence", NULL, "general.sampling.sequence", FMT_KV_STR },
		{ "top_k", NULL, "general.sampling.top_k", FMT_KV_I32 },
		{ "top_p", NULL, "general.sampling.top_p", FMT_KV_F32 },
		{ "min_p", NULL, "general.sampling.min_p", FMT_KV_F32 },
		{ "xtc_probability", NULL, "general.sampling.xtc_probability", FMT_KV_F32 },
		{ "xtc_threshold", NULL, "general.sampling.xtc_threshold", FMT_KV_F32 },
		{ "temperature", NULL, "general.sampling.temp", FMT_KV_F32 },
		{ "penalty_last_n", NULL, "general.sampling.penalty_last_n", FMT_KV_I32 },
		{ "penalty_repeat", "repetition_penalty", "general.sampling.penalty_repeat", FMT_KV_F32 },
		{ "mirostat", NULL, "general.sampling.mirostat", FMT_KV_I32 },
		{ "mirostat_tau", NULL, "general.sampling.mirostat_tau", FMT_KV_F32 },
		{ "mirostat_eta", NULL, "general.sampling.mirostat_eta", FMT_KV_F32 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct json *j = json_get(config, rows[i].name);
		int64_t n;
		double f;

		if (!j && rows[i].other)
			j = json_get(config, rows[i].other);
		if (rows[i].type == FMT_KV_STR && json_is(j, JSON_STRING))
			kv_str(l, rows[i].key, json_str(j));
		else if (rows[i].type == FMT_KV_I32 && json_i64(j, &n) && n >= INT32_MIN && n <= INT32_MAX)
			kv_i32(l, rows[i].key, (int32_t)n);
		else if (rows[i].type == FMT_KV_F32 && json_f64(j, &f))
			kv_f32(l, rows[i].key, f);
	}
}

static size_t count_slashes(struct fmt_str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '/';
	return n;
}

/* What one token has to do with: everything but the experts, and one of those of each layer. */
struct size {
	uint64_t n_params, n_experts;
};

static struct size size_of(const struct fmt_view *v)
{
	struct size s = { 0, 0 };
	uint64_t n_stacks = 0;

	for (uint64_t i = 0; i < v->n_tensors; i++) {
		const struct fmt_view_tensor *t = &v->tensors[i];
		bool stack = t->role == FMT_ROLE_MOE_GATE || t->role == FMT_ROLE_MOE_UP || t->role == FMT_ROLE_MOE_DOWN;

		s.n_params += stack ? t->n_elems / t->dims[0] : t->n_elems;
		s.n_experts += stack ? t->dims[0] : 0;
		n_stacks += stack;
	}
	s.n_experts = n_stacks ? s.n_experts / n_stacks : 0;
	return s;
}

void meta_keys(struct kv_list *l, const struct fmt_view *v)
{
	static const char *const base_models[] = { "base_model", "base_models", "base_model_sources", NULL };
	static const char *const datasets[] = { "datasets", "dataset", "dataset_sources", NULL };
	const struct hf_dir *d = &v->impl->dir;
	struct fmt_str id = json_str(json_get(hf_json(d, HF_CONFIG), "_name_or_path"));
	struct size size = size_of(v);
	struct meta m = { .l = l };

	for (uint64_t i = 0; i < v->n_tensors; i++)
		m.n_params += v->tensors[i].n_elems;
	if (!model_card_read(l->mem, d->file[HF_MODEL_CARD].text, &m.card, l->err))
		return;
	take_card(&m);
	if (count_slashes(id) <= 1) /* more: a path on somebody's computer */
		take_id(&m, id);
	take_id(&m, (struct fmt_str){ d->name, strlen(d->name) });
	if (!m.fact[SIZE_LABEL].p && m.n_params)
		m.fact[SIZE_LABEL] = model_name_size(l->mem, size.n_params, size.n_experts, l->err);

	sampling_keys(l, hf_json(d, HF_GENERATION));
	for (int f = 0; f < FACT_COUNT; f++)
		if (m.fact[f].p)
			kv_str(l, facts[f].key, m.fact[f]);
	parents(&m, "base_model", base_models);
	parents(&m, "dataset", datasets);
	list_key(&m, "general.tags", "tags", "pipeline_tag");
	list_key(&m, "general.languages", "languages", "language");
}
