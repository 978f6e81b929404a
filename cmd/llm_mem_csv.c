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

/* Bounds of speed, each where it was asked for. */
static bool speed(const struct mem_report *r, const struct mem_weights *w, const struct fmt_cache_opts *o,
                  struct fmt_err *err)
{
	double generating = 0, reading = 0;

	if (!mem_speed_rates(r, w, o, &generating, &reading, err))
		return false;
	if (generating > 0)
		printf("%.17g", generating);
	putchar(',');
	if (reading > 0)
		printf("%.17g", reading);
	return true;
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
		fputs(",,,,,,\r\n", stdout);
		return true;
	}
	number(s.kv);
	number(s.state);
	number(s.buffers);
	number(s.total);
	printf("%s,", !r->fit ? "" : mem_fits(r, w, o) ? "yes" : "no");
	if (!speed(r, w, o, err))
		return false;
	fputs("\r\n", stdout);
	return true;
}

/* With --train: one row, of what each device has and what is in the host's memory. */
static void training(const struct mem_report *r)
{
	const struct mem_train *t = &r->train;

	fputs("model,architecture,kind,optimizer,precision,attention,checkpointing,zero_stage,devices,micro_batch,sequence,"
	      "rank,adapters,parameters,trainable", stdout);
	for (int p = 0; p < FMT_TRAIN_PART_COUNT; p++)
		printf(",%s_bytes", fmt_train_part_name((enum fmt_train_part)p));
	fputs(",total_bytes,host_bytes,fits\r\n", stdout);
	field(r->path, strlen(r->path));
	field(r->view->arch_name.p, r->view->arch_name.n);
	printf("%s,%s,%s,%s,%s,", t->kind, t->optimizer, t->precision, t->attention, t->checkpointing);
	number(t->o.zero);
	number(t->o.devices);
	number(t->o.micro_batch);
	number(t->o.seq);
	if (t->o.kind == FMT_TRAIN_FULL) {
		fputs(",,", stdout);
	} else {
		number(t->o.rank);
		number(t->bytes.n_adapters);
	}
	number(r->e.total);
	number(t->bytes.trainable);
	for (int p = 0; p < FMT_TRAIN_PART_COUNT; p++)
		if (t->bytes.activations_known || (p != FMT_TRAIN_ACTIVATIONS && p != FMT_TRAIN_LOGITS))
			number(t->bytes.device[p]);
		else
			putchar(','); /* not known, and so is the sum */
	if (t->bytes.activations_known)
		number(t->bytes.device_total);
	else
		putchar(',');
	number(t->bytes.host_total);
	printf("%s\r\n", !r->fit || !t->bytes.activations_known ? "" : mem_train_fits(r) ? "yes" : "no");
}

bool mem_print_csv(const struct mem_report *r, struct fmt_err *err)
{
	if (r->train.kind) {
		training(r);
		return true;
	}
	fputs("model,architecture,quant,kv_type,policy,context,sequences,parameters,active_parameters,"
	      "weights_bytes,cache_bytes,state_bytes,buffers_bytes,total_bytes,fits,tokens_per_second_at_most,"
	      "prompt_tokens_per_second_at_most\r\n", stdout);
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
