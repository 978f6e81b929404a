/* Special tokens: which ids are BOS, EOS and so on, which of them are put around a text, and the chat templates.
 *
 * The rules, and the order of the keys, are those of gguf-py's vocab.py (SpecialVocab), but for one thing: a token that
 * tokenizer_config.json gives as an object is compared by its content, where gguf-py compares the object. */
#include <stdio.h>
#include <string.h>

#include <libfmt/pre.h>

#include "arch_desc.h"
#include "tok_keys.h"

enum special { S_BOS, S_EOS, S_UNK, S_SEP, S_PAD, S_CLS, S_MASK, S_EOT, S_EOM, S_COUNT };

/* As config files call them, and the GGUF key of the id; there is none for CLS. */
static const struct {
	const char *name, *id_key;
} kinds[S_COUNT] = {
	[S_BOS] = { "bos", "tokenizer.ggml.bos_token_id" },
	[S_EOS] = { "eos", "tokenizer.ggml.eos_token_id" },
	[S_UNK] = { "unk", "tokenizer.ggml.unknown_token_id" },
	[S_SEP] = { "sep", "tokenizer.ggml.seperator_token_id" }, /* so spelled */
	[S_PAD] = { "pad", "tokenizer.ggml.padding_token_id" },
	[S_CLS] = { "cls", NULL },
	[S_MASK] = { "mask", "tokenizer.ggml.mask_token_id" },
	[S_EOT] = { "eot", "tokenizer.ggml.eot_token_id" },
	[S_EOM] = { "eom", "tokenizer.ggml.eom_token_id" },
};

struct specials {
	struct kv_list *l;
	const struct hf_dir *d;
	struct fmt_str text[S_COUNT]; /* .p NULL: none */
	bool has_eot, has_eom;        /* looked for only after a template asked for it */
	enum special add[S_COUNT];    /* in the order in which they were decided */
	bool add_value[S_COUNT];
	size_t n_add;
	enum special ids[S_COUNT];
	uint64_t id_value[S_COUNT];
	size_t n_ids;
};

static void set_add(struct specials *s, enum special kind, bool value, bool replace)
{
	for (size_t i = 0; i < s->n_add; i++) {
		if (s->add[i] == kind) {
			if (replace)
				s->add_value[i] = value;
			return;
		}
	}
	s->add[s->n_add] = kind;
	s->add_value[s->n_add++] = value;
}

static void set_id(struct specials *s, enum special kind, const struct json *j, uint64_t n_vocab)
{
	uint64_t id;

	if (!json_u64(j, &id) || id >= n_vocab)
		return;
	for (size_t i = 0; i < s->n_ids; i++)
		if (s->ids[i] == kind)
			return;
	s->ids[s->n_ids] = kind;
	s->id_value[s->n_ids++] = id;
}

/* The text of a token in tokenizer_config.json: a string, or an object with "content". */
static struct fmt_str token_text(const struct json *config, const char *name)
{
	char key[32];
	const struct json *j;

	snprintf(key, sizeof key, "%s_token", name);
	j = json_get(config, key);
	return json_is(j, JSON_OBJECT) ? json_str(json_get(j, "content")) : json_str(j);
}

static struct fmt_str special_of(const struct json *piece)
{
	return json_str(json_get(json_get(piece, "SpecialToken"), "id"));
}

static bool same(struct fmt_str a, struct fmt_str b)
{
	return a.p && b.p && fmt_str_eq(a, b);
}

static const struct json *last(const struct json *list)
{
	const struct json *j = json_first(list), *found = j;

	while (j) {
		found = j;
		j = json_next(j);
	}
	return found;
}

/* A template that ends in another token than EOS: that is what ends a text, and the old EOS becomes end of turn. */
static void replace_eos(struct specials *s, struct fmt_str by)
{
	if (!s->has_eot) {
		s->has_eot = true;
		s->text[S_EOT] = s->text[S_EOS];
	} else if (!s->has_eom) {
		s->has_eom = true;
		s->text[S_EOM] = s->text[S_EOS];
	}
	s->text[S_EOS] = by;
}

/* TemplateProcessing "pair": is there a separator between the two texts? */
static void read_pair(struct specials *s, const struct json *pair, struct fmt_str first, struct fmt_str end)
{
	const struct json *j = json_first(pair), *b = last(pair), *mid[2];
	size_t n = 0;
	bool sep = false;

	if (!j)
		return;
	if (first.p && same(special_of(j), first))
		j = json_next(j);
	if (end.p && same(special_of(b), end)) {
		const struct json *k = json_first(pair);

		while (json_next(k) && json_next(k) != b)
			k = json_next(k);
		b = k;
	}
	if (!fmt_str_is(json_str(json_get(json_get(j, "Sequence"), "id")), "A") ||
	    !fmt_str_is(json_str(json_get(json_get(b, "Sequence"), "id")), "B"))
		return;
	for (const struct json *k = json_next(j); k && k != b; k = json_next(k), n++)
		if (n < 2)
			mid[n] = k;
	if (!n)
		return;
	for (size_t i = 0; i < n && i < 2; i++) {
		struct fmt_str t = special_of(mid[i]);

		if ((i == 0 && !end.p) || (i == 1 && n == 2))
			sep |= same(t, s->text[S_SEP]) || same(t, s->text[S_EOS]);
	}
	set_add(s, S_SEP, sep, true);
	if (sep && !s->text[S_SEP].p)
		s->text[S_SEP] = s->text[S_EOS];
}

static void read_template(struct specials *s, const struct json *processor)
{
	const struct json *single = json_get(processor, "single");
	struct fmt_str first = { NULL, 0 }, end = { NULL, 0 };

	if (json_count(single) > 1) {
		first = special_of(json_first(single));
		end = special_of(last(single));
	}
	if (first.p) {
		if (!same(first, s->text[S_BOS]) && !same(first, s->text[S_CLS])) {
			if (!s->text[S_BOS].p)
				s->text[S_BOS] = first;
			if (!s->text[S_CLS].p)
				s->text[S_CLS] = first;
		}
		set_add(s, S_BOS, same(first, s->text[S_BOS]) || same(first, s->text[S_CLS]), true);
	}
	if (end.p) {
		if (!same(end, s->text[S_EOS]))
			replace_eos(s, end);
		set_add(s, S_EOS, true, true);
	}
	read_pair(s, json_get(processor, "pair"), first, end);
}

static void read_processor(struct specials *s, const struct json *processor)
{
	struct fmt_str type = json_str(json_get(processor, "type"));

	if (fmt_str_is(type, "ByteLevel")) {
		set_add(s, S_BOS, false, false);
		set_add(s, S_EOS, false, false);
	} else if (fmt_str_is(type, "RobertaProcessing")) {
		set_add(s, S_BOS, true, true);
		set_add(s, S_EOS, true, true);
		set_add(s, S_SEP, true, true);
		if (!s->text[S_CLS].p)
			s->text[S_CLS] = json_str(json_first(json_get(processor, "cls")));
		if (!s->text[S_SEP].p)
			s->text[S_SEP] = json_str(json_first(json_get(processor, "sep")));
	} else if (fmt_str_is(type, "TemplateProcessing")) {
		read_template(s, processor);
	}
}

static void read_post_processor(struct specials *s)
{
	const struct json *post = json_get(hf_json_own(s->d, HF_TOKENIZER), "post_processor");
	const struct json *list = json_get(post, "processors");

	if (!list && json_is(post, JSON_OBJECT))
		read_processor(s, post);
	for (const struct json *j = json_first(list); j; j = json_next(j))
		read_processor(s, j);
}

/* Ids by text, from tokenizer_config.json through tokenizer.json's added tokens. */
static void read_tokenizer_config(struct specials *s, uint64_t n_vocab)
{
	const struct json *config = hf_json(s->d, HF_TOKENIZER_CONFIG);
	const struct json *added = json_get(hf_json_own(s->d, HF_TOKENIZER), "added_tokens");
	char key[32];
	bool value;

	for (int kind = 0; config && kind < S_COUNT; kind++) {
		if ((kind == S_EOT && !s->has_eot) || (kind == S_EOM && !s->has_eom))
			continue;
		snprintf(key, sizeof key, "add_%s_token", kinds[kind].name);
		if (json_bool(json_get(config, key), &value))
			set_add(s, (enum special)kind, value, false);
		for (const struct json *j = json_first(added); j; j = json_next(j)) {
			if (same(json_str(json_get(j, "content")), s->text[kind])) {
				set_id(s, (enum special)kind, json_get(j, "id"), n_vocab);
				break;
			}
		}
	}
}

/* Ids by number, from config.json. */
static void read_config(struct specials *s, uint64_t n_vocab)
{
	const struct json *config = hf_json(s->d, HF_CONFIG), *j;
	char key[32];

	for (int kind = 0; kind < S_COUNT; kind++) {
		if ((kind == S_EOT && !s->has_eot) || (kind == S_EOM && !s->has_eom))
			continue;
		snprintf(key, sizeof key, "%s_token_id", kinds[kind].name);
		j = json_get(config, key);
		if (!j || json_type(j) == JSON_NULL)
			j = json_get(json_get(config, "text_config"), key);
		set_id(s, (enum special)kind, j, n_vocab);
	}
}

/* Letters and digits of a template's name; anything else becomes "_". */
static const char *template_key(struct kv_list *l, struct fmt_str name)
{
	char *clean = fmt_arena_bytes(l->mem, name.p, name.n, l->err);

	for (char *p = clean; p && *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9')))
			*p = '_';
	return clean ? clean : "";
}

/* Templates with names, while they are written. */
struct templates {
	struct kv_list *l;
	struct fmt_str *names; /* of those that are not the first */
	uint64_t n;
	struct fmt_str first;
};

static void add_template(struct templates *t, struct fmt_str raw, struct fmt_str text)
{
	const char *name = template_key(t->l, raw.p ? raw : FMT_STR(""));

	if (!*name || !text.p)
		return;
	if (!strcmp(name, "default")) {
		t->first = text;
		return;
	}
	kv_str(t->l, kv_key(t->l, "tokenizer.chat_template", name), text);
	t->names[t->n++] = (struct fmt_str){ name, strlen(name) };
}

/* Each under its name, "default" as the template: from a list in a file, or from chat_template.jinja and those beside it. */
static void named_templates(struct kv_list *l, const struct json *list, const struct hf_dir *d)
{
	struct templates t = { .l = l };

	t.names = fmt_arena_alloc(l->mem, json_count(list) + d->n_templates, sizeof *t.names, l->err);
	if (!t.names)
		return;
	for (const struct json *j = json_first(list); j; j = json_next(j))
		add_template(&t, json_str(json_get(j, "name")), json_str(json_get(j, "template")));
	if (!list) {
		t.first = d->file[HF_CHAT_TEMPLATE].text;
		for (uint64_t i = 0; i < d->n_templates; i++)
			add_template(&t, d->templates[i].name, d->templates[i].text);
	}
	if (t.n)
		kv_strs(l, "tokenizer.chat_templates", t.names, t.n);
	if (t.first.p)
		kv_str(l, "tokenizer.chat_template", t.first);
}

static void chat_templates(struct kv_list *l, const struct hf_dir *d)
{
	const struct json *j = json_get(hf_json(d, HF_TOKENIZER_CONFIG), "chat_template");

	if (!j && d->file[HF_CHAT_TEMPLATE].there) {
		named_templates(l, NULL, d);
		return;
	}
	if (!j)
		j = json_get(hf_json(d, HF_CHAT_TEMPLATE_JSON), "chat_template");
	if (json_is(j, JSON_STRING))
		kv_str(l, "tokenizer.chat_template", json_str(j));
	else if (json_is(j, JSON_ARRAY))
		named_templates(l, j, d);
}

static void normalizer_keys(struct kv_list *l, const struct json *normalizer)
{
	struct fmt_str type = json_str(json_get(normalizer, "type"));
	bool value;

	if (fmt_str_is(type, "NFC"))
		kv_bool(l, "tokenizer.ggml.normalizer.nfc", true);
	if (fmt_str_is(type, "Lowercase"))
		kv_bool(l, "tokenizer.ggml.normalizer.lowercase", true);
	if (fmt_str_is(type, "StripAccents"))
		kv_bool(l, "tokenizer.ggml.normalizer.strip_accents", true);
	if (fmt_str_is(type, "BertNormalizer") && json_bool(json_get(normalizer, "lowercase"), &value))
		kv_bool(l, "tokenizer.ggml.normalizer.lowercase", value);
	if (fmt_str_is(type, "BertNormalizer") && json_bool(json_get(normalizer, "strip_accents"), &value))
		kv_bool(l, "tokenizer.ggml.normalizer.strip_accents", value);
	if (fmt_str_is(type, "Sequence")) /* one level, as files have it */
		for (const struct json *j = json_first(json_get(normalizer, "normalizers")); j; j = json_next(j))
			if (!fmt_str_is(json_str(json_get(j, "type")), "Sequence"))
				normalizer_keys(l, j);
}

/* Ids that no file gives, of tokens that the architecture knows by their texts. */
static void read_known(struct specials *s, const struct arch_special *known, uint64_t n_vocab)
{
	const struct json *added = json_get(hf_json_own(s->d, HF_TOKENIZER), "added_tokens");

	for (; known && known->kind; known++) {
		int kind = 0;

		while (kind < S_COUNT - 1 && strcmp(kinds[kind].name, known->kind))
			kind++;
		for (const struct json *j = json_first(added); j; j = json_next(j))
			if (fmt_str_is(json_str(json_get(j, "content")), known->text))
				set_id(s, (enum special)kind, json_get(j, "id"), n_vocab);
	}
}

/* Of some vocabularies llama.cpp puts a token before or behind each text unless a key says not to. Where tokenizer.json puts
 * none, and transformers' class is the one that does just what it says, the key says so. */
static void refuse_usual(struct specials *s)
{
	struct fmt_str class = json_str(json_get(hf_json(s->d, HF_TOKENIZER_CONFIG), "tokenizer_class"));
	const struct fmt_value *model = kv_find(s->l, "tokenizer.ggml.model"), *name = kv_find(s->l, "tokenizer.ggml.pre");
	const struct fmt_pre *pre = name ? fmt_pre_find(name->as.s) : NULL;

	if (!model || !hf_json_own(s->d, HF_TOKENIZER) ||
	    (!fmt_str_is(class, "PreTrainedTokenizerFast") && !fmt_str_is(class, "TokenizersBackend")))
		return;
	if (fmt_str_is(model->as.s, "llama") || (fmt_str_is(model->as.s, "gpt2") && pre && pre->add_bos))
		set_add(s, S_BOS, false, false);
	if (fmt_str_is(model->as.s, "t5"))
		set_add(s, S_EOS, false, false);
}

void tok_special_keys(struct kv_list *l, const struct fmt_arch *arch, const struct hf_dir *d, const struct tok_vocab *vocab)
{
	struct specials s = { .l = l, .d = d };
	char key[64];

	for (int kind = 0; kind < S_EOT; kind++)
		s.text[kind] = token_text(hf_json(d, HF_TOKENIZER_CONFIG), kinds[kind].name);
	if (!s.text[S_BOS].p)
		s.text[S_BOS] = s.text[S_CLS];
	if (!s.text[S_EOS].p)
		s.text[S_EOS] = s.text[S_SEP];
	read_post_processor(&s);
	read_tokenizer_config(&s, vocab->n);
	refuse_usual(&s);
	read_config(&s, vocab->n);
	read_known(&s, arch->specials, vocab->n);
	for (size_t i = 0; i < s.n_ids; i++)
		if (kinds[s.ids[i]].id_key)
			kv_u32(l, kinds[s.ids[i]].id_key, (uint32_t)s.id_value[i]);
	for (size_t i = 0; i < s.n_add; i++) {
		snprintf(key, sizeof key, "tokenizer.ggml.add_%s_token", kinds[s.add[i]].name);
		if (s.add[i] == S_BOS || s.add[i] == S_EOS || s.add[i] == S_SEP)
			kv_bool(l, key, s.add_value[i]);
	}
	chat_templates(l, d);
	normalizer_keys(l, json_get(hf_json_own(d, HF_TOKENIZER), "normalizer"));
}
