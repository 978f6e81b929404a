/* general.* keys. See meta_keys.h. */
#include <string.h>

#include "meta_keys.h"
#include "model_name.h"
#include "view_impl.h"

/* Everything that has been found so far; the first source that knows a thing wins. */
struct meta {
	struct fmt_str name, version, organization, finetune, basename, size_label;
};

static void take(struct fmt_str *to, struct fmt_str from)
{
	if (!to->p && from.p)
		*to = from;
}

static void take_id(struct meta *m, struct kv_list *l, struct fmt_str id, uint64_t n_params)
{
	struct model_name n;

	if (!id.n || !model_name_parse(l->mem, id, n_params, &n, l->err))
		return;
	take(&m->name, model_name_title(l->mem, n.full, l->err));
	if (n.organization.p)
		take(&m->organization, model_name_title(l->mem, n.organization, l->err));
	take(&m->basename, n.basename);
	take(&m->finetune, n.finetune);
	take(&m->version, n.version);
	take(&m->size_label, n.size_label);
}

static void add(struct kv_list *l, const char *key, struct fmt_str value)
{
	if (value.p)
		kv_str(l, key, value);
}

static uint64_t count_params(const struct fmt_view *v)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < v->n_tensors; i++)
		n += v->tensors[i].n_elems;
	return n;
}

void meta_keys(struct kv_list *l, const struct fmt_view *v)
{
	const struct hf_dir *d = &v->impl->dir;
	struct fmt_str id = json_str(json_get(hf_json(d, HF_CONFIG), "_name_or_path"));
	uint64_t n_params = count_params(v);
	size_t slashes = 0;
	struct meta m = { .name = { NULL, 0 } };

	for (size_t i = 0; i < id.n; i++)
		slashes += id.p[i] == '/';
	if (slashes <= 1) /* more: a path on somebody's computer */
		take_id(&m, l, id, n_params);
	take_id(&m, l, (struct fmt_str){ d->name, strlen(d->name) }, n_params);
	if (!m.size_label.p && n_params)
		m.size_label = model_name_size(l->mem, n_params, 0, l->err);
	add(l, "general.name", m.name);
	add(l, "general.version", m.version);
	add(l, "general.organization", m.organization);
	add(l, "general.finetune", m.finetune);
	add(l, "general.basename", m.basename);
	add(l, "general.size_label", m.size_label);
}
