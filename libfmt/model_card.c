/* The head of a model card. See model_card.h. */
#include <string.h>

#include "model_card.h"

struct reader {
	struct fmt_arena *mem;
	struct model_card *card;
	struct card_entry *open; /* the entry whose list goes on in the next lines; NULL: none */
	uint64_t entries_cap, values_cap;
	struct fmt_err *err;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct fmt_str trim(struct fmt_str s)
{
	while (s.n && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The next line, without its end; false after the last. */
static bool next_line(struct fmt_str *rest, struct fmt_str *line)
{
	const char *end;

	if (!rest->n)
		return false;
	end = memchr(rest->p, '\n', rest->n);
	line->p = rest->p;
	line->n = end ? (size_t)(end - rest->p) : rest->n;
	rest->p += line->n + (end != NULL);
	rest->n -= line->n + (end != NULL);
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

/* A plain or quoted scalar, without a comment behind it. */
static struct fmt_str scalar(struct fmt_str s)
{
	s = trim(s);
	if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'')) {
		const char *end = memchr(s.p + 1, s.p[0], s.n - 1);

		if (end)
			return (struct fmt_str){ s.p + 1, (size_t)(end - s.p) - 1 };
	}
	for (size_t i = 1; i < s.n; i++)
		if (s.p[i] == '#' && is_space(s.p[i - 1]))
			s.n = i;
	return trim(s);
}

static bool add_value(struct reader *r, struct card_entry *e, struct fmt_str value)
{
	if (e->n == r->values_cap) {
		uint64_t cap = e->n ? 2 * e->n : 4;
		struct fmt_str *values = fmt_arena_grow(r->mem, e->values, e->n, cap, sizeof *values, r->err);

		if (!values)
			return false;
		e->values = values;
		r->values_cap = cap;
	}
	e->values[e->n++] = value;
	return true;
}

static struct card_entry *add_entry(struct reader *r, struct fmt_str key)
{
	struct model_card *c = r->card;

	if (c->n == r->entries_cap) {
		uint64_t cap = c->n ? 2 * c->n : 16;
		struct card_entry *entries = fmt_arena_grow(r->mem, c->entries, c->n, cap, sizeof *entries, r->err);

		if (!entries)
			return NULL;
		c->entries = entries;
		r->entries_cap = cap;
	}
	r->values_cap = 0;
	c->entries[c->n] = (struct card_entry){ .key = key };
	return &c->entries[c->n++];
}

/* "[a, "b", c]" */
static bool flow_list(struct reader *r, struct card_entry *e, struct fmt_str s)
{
	e->list = true;
	s.p++;
	s.n--;
	for (;;) {
		size_t n = 0;
		struct fmt_str item;

		while (n < s.n && s.p[n] != ',' && s.p[n] != ']')
			n++;
		item = scalar((struct fmt_str){ s.p, n });
		if (item.n && !add_value(r, e, item))
			return false;
		if (n == s.n || s.p[n] == ']')
			return true;
		s.p += n + 1;
		s.n -= n + 1;
	}
}

/* A line that begins in the first column. */
static bool read_key(struct reader *r, struct fmt_str line)
{
	const char *colon = memchr(line.p, ':', line.n);
	struct card_entry *e;
	struct fmt_str value;

	r->open = NULL;
	if (!colon || (colon + 1 < line.p + line.n && !is_space(colon[1])))
		return true;
	e = add_entry(r, scalar((struct fmt_str){ line.p, (size_t)(colon - line.p) }));
	if (!e)
		return false;
	value = trim((struct fmt_str){ colon + 1, line.n - (size_t)(colon + 1 - line.p) });
	if (!value.n || value.p[0] == '#')
		r->open = e;
	else if (value.p[0] == '[')
		return flow_list(r, e, value);
	else if (!strchr("|>{&*!", value.p[0]) && !fmt_str_is(value, "null") && !fmt_str_is(value, "~"))
		return add_value(r, e, scalar(value));
	return true;
}

/* "name: x" as an item begins a mapping; in quotes it is a text. */
static bool is_mapping(struct fmt_str item)
{
	if (item.p[-1] == '"' || item.p[-1] == '\'')
		return false;
	for (size_t i = 0; i + 1 < item.n; i++)
		if (item.p[i] == ':' && is_space(item.p[i + 1]))
			return true;
	return item.p[item.n - 1] == ':';
}

static bool read_line(struct reader *r, struct fmt_str line)
{
	struct fmt_str text = trim(line);

	if (!text.n || text.p[0] == '#')
		return true;
	if (text.p[0] == '-' && (text.n == 1 || is_space(text.p[1]))) {
		struct fmt_str item = scalar((struct fmt_str){ text.p + 1, text.n - 1 });

		if (!r->open || !item.n)
			return true;
		r->open->list = true;
		if (!is_mapping(item))
			return add_value(r, r->open, item);
		r->open = NULL;
		return true;
	}
	if (is_space(line.p[0])) {
		r->open = NULL; /* inside of something nested */
		return true;
	}
	return read_key(r, line);
}

bool model_card_read(struct fmt_arena *mem, struct fmt_str text, struct model_card *card, struct fmt_err *err)
{
	struct reader r = { .mem = mem, .card = card, .err = err };
	struct fmt_str line;

	*card = (struct model_card){ .n = 0 };
	if (!next_line(&text, &line) || !fmt_str_is(line, "---"))
		return true;
	while (next_line(&text, &line) && !fmt_str_is(line, "---"))
		if (!read_line(&r, line))
			return false;
	return true;
}

const struct card_entry *model_card_get(const struct model_card *card, const char *key)
{
	for (uint64_t i = 0; i < card->n; i++)
		if (fmt_str_is(card->entries[i].key, key))
			return card->entries[i].n ? &card->entries[i] : NULL;
	return NULL;
}
