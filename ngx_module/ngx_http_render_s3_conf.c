/*
 * What the configuration says of storage in S3: the URL, and, of the
 * environment that the master process has and its workers lose, keys and where
 * keys come from.
 */

#include "ngx_http_render_s3.h"
#include "rn_s3_find.h"


#define NGX_HTTP_RENDER_S3_VALUE  8192      /* bytes of a file that NAME_FILE
                                               names */


const char *
ngx_http_render_s3_env(void *data, const char *name)
{
    ngx_uint_t                  i;
    ngx_keyval_t               *kv;
    ngx_http_render_s3_conf_t  *conf = data;

    kv = conf->env.elts;

    for (i = 0; i < conf->env.nelts; i++) {
        if (ngx_strcmp(kv[i].key.data, name) == 0) {
            return (char *) kv[i].value.data;
        }
    }

    return NULL;
}


/* NAME, or the contents of the file that NAME_FILE names. */

static char *
ngx_http_render_s3_keep(ngx_conf_t *cf, ngx_http_render_s3_conf_t *conf,
    const char *name)
{
    int            fd;
    char           var[64];
    u_char        *value, text[NGX_HTTP_RENDER_S3_VALUE];
    ssize_t        n;
    const char    *path;
    ngx_keyval_t  *kv;

    (void) snprintf(var, sizeof(var), "%s_FILE", name);
    path = getenv(var);
    value = (u_char *) getenv(name);

    if (path != NULL) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

        if (n < 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               "the file \"%s\" of %s cannot be read", path,
                               var);
        }

        if (fd >= 0) {
            (void) close(fd);
        }

        if (n < 0) {
            return NGX_CONF_ERROR;
        }

        while (n > 0 && (text[n - 1] == LF || text[n - 1] == CR)) {
            n--;
        }

        text[n] = '\0';
        value = text;
    }

    if (value == NULL || value[0] == '\0') {
        return NGX_CONF_OK;
    }

    kv = ngx_array_push(&conf->env);
    if (kv == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&kv->key, "");
    kv->key.data = (u_char *) name;
    kv->value = ngx_http_render_dup(cf->pool, (char *) value,
                                    ngx_strlen(value));

    return kv->value.data != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* Of whom pages need leave to show what results lead to. */

static ngx_int_t
ngx_http_render_storage_origin(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_render_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_render_module);

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = 0;
    v->data = (u_char *) "";

    if (mcf->s3 != NULL) {
        v->len = mcf->s3->origin.len;
        v->data = mcf->s3->origin.data;
    }

    return NGX_OK;
}


static ngx_http_variable_t  ngx_http_render_s3_variables[] = {

    { ngx_string("render_storage_origin"), NULL, ngx_http_render_storage_origin,
      0, 0, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_render_s3_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_render_s3_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
    }

    return NGX_OK;
}


char *
ngx_http_render_s3_conf(ngx_conf_t *cf, ngx_http_render_main_conf_t *mcf,
    ngx_str_t *url)
{
    char                        err[300];
    size_t                      i;
    ngx_http_render_s3_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_render_s3_conf_t));

    if (conf == NULL
        || ngx_array_init(&conf->env, cf->pool, 8, sizeof(ngx_keyval_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 0; rn_s3_find_names[i] != NULL; i++) {
        if (ngx_http_render_s3_keep(cf, conf, rn_s3_find_names[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (!rn_s3_read(&conf->bucket, (char *) url->data, ngx_http_render_s3_env,
                    conf, err, sizeof(err))
        || !rn_s3_find(&conf->keys, ngx_http_render_s3_env, conf, err,
                       sizeof(err)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value of \"render_storage\": %s", err);
        return NGX_CONF_ERROR;
    }

    conf->origin.data = ngx_pnalloc(cf->pool, sizeof(conf->bucket.host) + 8);
    if (conf->origin.data == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->origin.len = ngx_sprintf(conf->origin.data, "%s://%s",
                                   conf->bucket.tls ? "https" : "http",
                                   conf->bucket.host) - conf->origin.data;
    conf->ca = ngx_http_render_s3_env(conf, "AWS_CA_BUNDLE");
    mcf->s3 = conf;

    return NGX_CONF_OK;
}
