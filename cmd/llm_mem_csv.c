/* llm-mem --csv: a table for spreadsheets and plots (RFC 4180), whose columns are those of docs/csv.md. */
#include <inttypes.h>
#include <string.h>

#include "llm_mem.h"

/* A field that may hold anything: in quotes where it must be, and quotes doubled. */
static void field(const char *p, size_t n)
{
	bool plain = true;

	for (size_t i = 0; i < n; i++)
		plain = plain && p[i] != '"' && p[i] != ',' && p[i] != '\r' && p[i] != '\n';
	if (!plain)
		putchar('"');
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '"')
			putchar('"');
		putchar(p[i]);
	}
	if (!plain)
		putchar('"');
	putchar(',');
}

static void number(uint64_t n)
{
	printf("%" PRIu64 ",", n);
}

static bool row(const struct mem_report *r, const struct mem_weights *w, const struct fmt_cache_opts *o,
                struct fmt_err *err)
{
	const char *type = fmt_type_info(o->type)->name, *keep = mem_keep_name(r, o->keep);
	struct mem_sum s;

	if (!mem_sum(r, w, o, &s, err))
		return false;
	field(r->path, strlen(r->path));
	field(r->view->arch_name.p, r->view->arch_name.n);
	field(w->name, strlen(w->name));
	field(type, strlen(type));
	field(keep, strlen(keep));
	number(o->context);
	number(o->sequences);
	number(r->e.total);
	number(r->e.active);
	number(s.weights);
	if (!r->e.layers_known) { /* what is not certain is left empty */
		fputs(",,,,\r\n", stdout);
		return true;
	}
	number(s.kv);
	number(s.state);
	number(s.buffers);
	number(s.total);
	printf("%s\r\n", !r->fit ? "" : mem_fits(r, w, o) ? "yes" : "no");
	return true;
}

bool mem_print_csv(const struct mem_report *r, struct fmt_err *err)
{
	fputs("model,architecture,quant,kv_type,policy,context,sequences,parameters,active_parameters,"
	      "weights_bytes,cache_bytes,state_bytes,buffers_bytes,total_bytes,fits\r\n", stdout);
	for (size_t w = 0; w < r->n_weights; w++)
		for (size_t c = 0; c < r->n_contexts; c++)
			for (size_t t = 0; t < r->n_cache_types; t++)
				for (size_t k = 0; k < r->n_keeps; k++) {
					struct fmt_cache_opts o = r->cache;

					o.context = r->contexts[c];
					o.type = r->cache_types[t];
					o.keep = r->keeps[k];
					if (!row(r, &r->weights[w], &o, err))
						return false;
				}
	return true;
}
