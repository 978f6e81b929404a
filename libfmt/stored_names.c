/* Names of modules that a quantization leaves alone: "lm_head", "model.layers.*.mlp.router", "re:.*mlp\.gate$". */
#include <string.h>

#include "stored_scheme.h"

/* In a pattern's text; no name has them. */
enum { ANY_RUN = 1, ANY_ONE = 2 };

struct stored_pattern {
	const char *text;
	bool whole;  /* begins where a component of the name does, and ends so; else a regular expression, from the start on */
	bool to_end; /* of the name */
};

/* A regular expression of nothing but letters, dots, stars after dots and ends. */
static bool read_expression(struct stored_pattern *p, struct fmt_str s, char *out)
{
	for (size_t i = 0; i < s.n; i++) {
		bool star = i + 1 < s.n && s.p[i + 1] == '*';

		if (s.p[i] == '^' && i == 0)
			continue;
		if (s.p[i] == '$' && i + 1 == s.n) {
			p->to_end = true;
		} else if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '.') {
			*out++ = '.';
			i++;
		} else if (s.p[i] == '.') {
			*out++ = star ? ANY_RUN : ANY_ONE;
			i += star;
		} else if (star || strchr("*+?()[]{}|\\^$", s.p[i])) {
			return false;
		} else {
			*out++ = s.p[i];
		}
	}
	return true;
}

bool stored_add_name(struct stored_scheme *q, struct fmt_str s, struct fmt_arena *mem, bool *odd, struct fmt_err *err)
{
	/* models that see have their language model one level down; the description's names have not */
	static const char inner[] = "language_model.";
	struct stored_pattern *p;
	char *text = fmt_arena_text(mem, s.n, err);

	q->names = text ? fmt_arena_grow(mem, q->names, q->n_names, q->n_names + 1, sizeof *q->names, err) : NULL;
	if (!q->names)
		return false;
	p = &q->names[q->n_names++];
	*p = (struct stored_pattern){ .text = text, .whole = true };
	if (s.n > 3 && !memcmp(s.p, "re:", 3)) {
		p->whole = false;
		*odd = !read_expression(p, (struct fmt_str){ s.p + 3, s.n - 3 }, text);
		return true;
	}
	for (size_t i = 0; i < s.n; i++) {
		if (s.n - i >= sizeof inner - 1 && !memcmp(s.p + i, inner, sizeof inner - 1)) {
			i += sizeof inner - 2;
			continue;
		}
		*text++ = s.p[i] == '*' ? ANY_RUN : s.p[i];
	}
	return true;
}

/* Whether the pattern fits what stands at `name`. A run is as short as it can be, and grows where the rest does not fit. */
static bool fits_at(const struct stored_pattern *p, const char *name)
{
	const char *t = p->text, *run = NULL, *from = NULL;

	for (;;) {
		if (!*t && (p->whole ? !*name || *name == '.' : !p->to_end || !*name))
			return true;
		if (*t == ANY_RUN) {
			run = ++t;
			from = name;
		} else if (*name && *t && (*t == ANY_ONE || *t == *name)) {
			t++;
			name++;
		} else if (run && *from) {
			t = run;
			name = ++from;
		} else {
			return false;
		}
	}
}

bool stored_scheme_keeps(const struct stored_scheme *q, const char *module)
{
	for (uint64_t i = 0; i < q->n_names; i++) {
		const char *at = module;

		if (fits_at(&q->names[i], at))
			return true;
		while (q->names[i].whole && (at = strchr(at, '.')))
			if (fits_at(&q->names[i], ++at))
				return true;
	}
	return false;
}
