/*
 * Directives of the module, checked when they are read, so that nginx -t finds
 * every mistake.  What they do is in the other files.
 */

#include "ngx_http_render_s3.h"


extern ngx_module_t  ngx_thread_pool_module;   /* of the core, in no header */


static void *ngx_http_render_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_render_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_render_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_render_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_render_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_render_preconfigure(ngx_conf_t *cf);
static char *ngx_http_render_api(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_render_auth(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_render_check_prefix(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_render_check_jwt_ttl(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_render_check_link_ttl(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_render_check_upload_expire(ngx_conf_t *cf, void *post,
    void *data);


static ngx_conf_num_bounds_t  ngx_http_render_cost_bounds = {
    ngx_conf_check_num_bounds, 4, 16
};

static ngx_conf_post_t  ngx_http_render_prefix_post = {
    ngx_http_render_check_prefix
};

static ngx_conf_post_t  ngx_http_render_jwt_ttl_post = {
    ngx_http_render_check_jwt_ttl
};

static ngx_conf_post_t  ngx_http_render_link_ttl_post = {
    ngx_http_render_check_link_ttl
};

static ngx_conf_post_t  ngx_http_render_upload_expire_post = {
    ngx_http_render_check_upload_expire
};

static ngx_conf_bitmask_t  ngx_http_render_resources[] = {
    { ngx_string("all"), NGX_HTTP_RENDER_ALL },
    { ngx_string("auth"), NGX_HTTP_RENDER_AUTH },
    { ngx_string("users"), NGX_HTTP_RENDER_USERS },
    { ngx_string("assets"), NGX_HTTP_RENDER_ASSETS },
    { ngx_string("videos"), NGX_HTTP_RENDER_ASSETS },
    { ngx_string("compositions"), NGX_HTTP_RENDER_COMPOSITIONS },
    { ngx_string("jobs"), NGX_HTTP_RENDER_JOBS },
    { ngx_string("results"), NGX_HTTP_RENDER_RESULTS },
    { ngx_string("progress"), NGX_HTTP_RENDER_PROGRESS },
    { ngx_string("health"), NGX_HTTP_RENDER_HEALTH },
    { ngx_string("metrics"), NGX_HTTP_RENDER_METRICS },
    { ngx_null_string, 0 }
};

static ngx_conf_enum_t  ngx_http_render_auths[] = {
    { ngx_string("off"), ngx_http_render_anyone },
    { ngx_string("user"), ngx_http_render_user },
    { ngx_string("admin"), ngx_http_render_admin },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_render_commands[] = {

    { ngx_string("render_postgres"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_render_postgres,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("render_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_render_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("render_storage"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_render_storage,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("render_spool"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_render_spool,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("render_jwt_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_render_jwt_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("render_jwt_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_render_main_conf_t, jwt_ttl),
      &ngx_http_render_jwt_ttl_post },

    { ngx_string("render_link_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_render_link_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("render_link_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_render_main_conf_t, link_ttl),
      &ngx_http_render_link_ttl_post },

    { ngx_string("render_upload_max_size"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_render_main_conf_t, upload_max),
      NULL },

    { ngx_string("render_upload_expire"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_render_main_conf_t, upload_expire),
      &ngx_http_render_upload_expire_post },

    { ngx_string("render_bcrypt_cost"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_render_main_conf_t, bcrypt_cost),
      &ngx_http_render_cost_bounds },

    { ngx_string("render_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_render_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("render_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_render_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("render_prefix"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_render_loc_conf_t, prefix),
      &ngx_http_render_prefix_post },

    { ngx_string("render_cors_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_render_cors_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_render_module_ctx = {
    ngx_http_render_preconfigure,          /* preconfiguration */
    ngx_http_render_init,                  /* postconfiguration */

    ngx_http_render_create_main_conf,      /* create main configuration */
    ngx_http_render_init_main_conf,        /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_render_create_loc_conf,       /* create location configuration */
    ngx_http_render_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_render_module = {
    NGX_MODULE_V1,
    &ngx_http_render_module_ctx,           /* module context */
    ngx_http_render_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_render_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_render_exit_process,          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/*
 * --with-compat lets a module with threads into an nginx without: what it lacks
 * is weak here (ngx_http_render.h), so that this can be said.
 */

static ngx_int_t
ngx_http_render_preconfigure(ngx_conf_t *cf)
{
    ngx_module_t *volatile  threads = &ngx_thread_pool_module;

    if (threads == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "ngx_http_render_module needs an nginx that was "
                           "built with --with-threads");
        return NGX_ERROR;
    }

    return ngx_http_render_add_variables(cf) == NGX_OK
           ? ngx_http_render_s3_add_variables(cf) : NGX_ERROR;
}


static char *
ngx_http_render_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_render_loc_conf_t *lcf = conf;

    ngx_str_t                    *value;
    ngx_uint_t                    i, k;
    ngx_conf_bitmask_t           *known = ngx_http_render_resources;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_render_main_conf_t  *mcf;

    if (lcf->api != 0) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (k = 0; known[k].name.len != 0; k++) {
            if (known[k].name.len == value[i].len
                && ngx_strcmp(known[k].name.data, value[i].data) == 0)
            {
                break;
            }
        }

        if (known[k].name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in \"render_api\", it "
                               "must be \"all\", \"auth\", \"users\", "
                               "\"assets\", \"videos\", \"compositions\", "
                               "\"jobs\", \"results\", \"progress\", "
                               "\"health\" or \"metrics\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        lcf->api |= known[k].mask;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    if (clcf->handler != NULL) {
        return "does not go with another one that answers the location";
    }

    clcf->handler = ngx_http_render_api_handler;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_render_module);
    mcf->used = 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_render_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_render_loc_conf_t *lcf = conf;

    ngx_str_t        *value;
    ngx_conf_enum_t  *e;

    if (lcf->auth != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (e = ngx_http_render_auths; e->name.len != 0; e++) {
        if (e->name.len == value[1].len
            && ngx_strcmp(e->name.data, value[1].data) == 0)
        {
            lcf->auth = e->value;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"render_auth\", it must be "
                       "\"off\", \"user\" or \"admin\"", &value[1]);
    return NGX_CONF_ERROR;
}


/*
 * The prefix is compared with normalised paths, and stands in Location as it
 * is: what would never match, or mean something else there, is refused.
 */

static char *
ngx_http_render_check_prefix(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *s = data;

    size_t  i;
    u_char  c, after;

    if (s->len == 0 || s->data[0] != '/') {
        return "must begin with \"/\"";
    }

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || ngx_strchr("/-._~!$&'()*+,;=:@", c) != NULL))
        {
            return "may hold but letters, digits and /-._~!$&'()*+,;=:@";
        }

        if (c != '/') {
            continue;
        }

        after = i + 1 < s->len ? s->data[i + 1] : '\0';

        if (after == '.' && i + 2 < s->len && s->data[i + 2] == '.') {
            after = i + 3 < s->len ? s->data[i + 3] : '/';

        } else if (after == '.') {
            after = i + 2 < s->len ? s->data[i + 2] : '/';
        }

        if (after == '/') {
            return "may not hold \"//\", \"/./\" or \"/../\"";
        }
    }

    if (s->data[s->len - 1] == '/') {
        s->len--;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_render_check_jwt_ttl(ngx_conf_t *cf, void *post, void *data)
{
    time_t *ttl = data;

    return *ttl < 1 ? "must be at least 1s" : NGX_CONF_OK;
}


static char *
ngx_http_render_check_link_ttl(ngx_conf_t *cf, void *post, void *data)
{
    time_t *ttl = data;

    return *ttl < 1 || *ttl > 72 * 3600 ? "must be between 1s and 72h"
                                        : NGX_CONF_OK;
}


static char *
ngx_http_render_check_upload_expire(ngx_conf_t *cf, void *post, void *data)
{
    time_t *expire = data;

    return *expire < 60 || *expire > 7 * 86400
           ? "must be between 1m and 7d" : NGX_CONF_OK;
}


static void *
ngx_http_render_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_render_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_render_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    mcf->pg_connections = 4;
    mcf->jwt_ttl = NGX_CONF_UNSET;
    mcf->link_ttl = NGX_CONF_UNSET;
    mcf->upload_max = NGX_CONF_UNSET;
    mcf->upload_expire = NGX_CONF_UNSET;
    mcf->bcrypt_cost = NGX_CONF_UNSET_UINT;

    return mcf;
}


/*
 * Pools of our own, so that hashing passwords cannot starve disk writes, made
 * through the directive of the core unless the operator has written it.
 */

static ngx_thread_pool_t *
ngx_http_render_pool(ngx_conf_t *cf, const char *name, const char *threads,
    const char *queue)
{
    void          *conf;
    ngx_str_t     *value;
    ngx_conf_t     own;
    ngx_array_t   *args;
    ngx_str_t      pool;

    pool.data = (u_char *) name;
    pool.len = ngx_strlen(name);

    if (ngx_thread_pool_get(cf->cycle, &pool) != NULL) {
        return ngx_thread_pool_add(cf, &pool);
    }

    args = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (args == NULL) {
        return NULL;
    }

    value = ngx_array_push_n(args, 4);
    if (value == NULL) {
        return NULL;
    }

    ngx_str_set(&value[0], "thread_pool");
    value[1] = pool;
    value[2].data = (u_char *) threads;
    value[2].len = ngx_strlen(threads);
    value[3].data = (u_char *) queue;
    value[3].len = ngx_strlen(queue);

    own = *cf;
    own.args = args;
    conf = ngx_get_conf(cf->cycle->conf_ctx, ngx_thread_pool_module);

    if (ngx_thread_pool_module.commands[0].set(&own,
            &ngx_thread_pool_module.commands[0], conf) != NGX_CONF_OK)
    {
        return NULL;
    }

    return ngx_thread_pool_add(cf, &pool);
}


static char *
ngx_http_render_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_render_main_conf_t *mcf = conf;

    const char  *missing;

    ngx_conf_init_value(mcf->jwt_ttl, 86400);
    ngx_conf_init_value(mcf->link_ttl, 900);
    ngx_conf_init_value(mcf->upload_max, 0);
    ngx_conf_init_value(mcf->upload_expire, 86400);
    ngx_conf_init_uint_value(mcf->bcrypt_cost, 12);

    if (!mcf->used) {
        return NGX_CONF_OK;
    }

    missing = mcf->pg_keywords == NULL ? "render_postgres"
              : mcf->redis_hosts == NULL ? "render_redis"
              : mcf->storage.data == NULL ? "render_storage"
              : mcf->jwt_key.data == NULL ? "render_jwt_key"
              : mcf->link_keys == NULL ? "render_link_key" : NULL;

    if (missing != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"render_api\" needs \"%s\" in the http block",
                           missing);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_render_storage_init(cf, mcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    mcf->auth_pool = ngx_http_render_pool(cf, "render_auth", "threads=2",
                                          "max_queue=64");
    mcf->files_pool = ngx_http_render_pool(cf, "render_files", "threads=8",
                                           "max_queue=4096");
    mcf->metrics = ngx_http_render_metrics_zone(cf);

    if (mcf->auth_pool == NULL || mcf->files_pool == NULL
        || mcf->metrics == NULL)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void *
ngx_http_render_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_render_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_render_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    lcf->auth = NGX_CONF_UNSET_UINT;
    lcf->origins = NGX_CONF_UNSET_PTR;

    return lcf;
}


static char *
ngx_http_render_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_render_loc_conf_t *prev = parent;
    ngx_http_render_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_render_main_conf_t  *mcf;

    /*
     * Resources are not inherited: a nested location names its own.  Blocks of
     * "if" and "limit_except" are no locations but parts of one; nginx keeps
     * the handler within the first and loses it within the second.
     */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && clcf->handler == NULL && prev->api != 0) {
        conf->api = prev->api;
        clcf->handler = ngx_http_render_api_handler;
    }

    if (conf->api != 0 && clcf->handler != ngx_http_render_api_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"render_api\" does not go "
                           "with another directive that answers the location "
                           "\"%V\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_uint_value(conf->auth, prev->auth, ngx_http_render_anyone);

    if (prev->origins == NGX_CONF_UNSET_PTR) {
        prev->origins = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
        if (prev->origins == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);

    if (conf->prefix.data == NULL) {
        conf->prefix = prev->prefix;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_render_module);

    if (conf->auth != ngx_http_render_anyone && mcf->jwt_key.data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"render_auth\" needs "
                           "\"render_jwt_key\" in the http block");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_render_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_render_access_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_render_log_handler;

    ngx_http_render_limit_init();

    return ngx_http_render_cors_init(cf);
}
