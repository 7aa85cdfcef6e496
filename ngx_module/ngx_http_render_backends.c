/*
 * Directives that name what stands behind: PostgreSQL, Redis, storage, and the
 * files of keys.  All is checked, resolved and read when the configuration is,
 * so that nginx -t finds what is wrong; nothing is connected to from here.
 */

#include "ngx_http_render_s3.h"
#include "ngx_http_render_hosts.h"

#include <libpq-fe.h>


static ngx_int_t
ngx_http_render_push(ngx_array_t *a, const char *value)
{
    const char  **slot;

    slot = ngx_array_push(a);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = value;

    return NGX_OK;
}


static char *
ngx_http_render_cstr(ngx_conf_t *cf, const char *s, size_t len)
{
    char  *copy;

    copy = ngx_pnalloc(cf->pool, len + 1);
    if (copy != NULL) {
        ngx_memcpy(copy, s, len);
        copy[len] = '\0';
    }

    return copy;
}


/* The part of a list that ends at a comma; NULL after the last. */

static char *
ngx_http_render_part(ngx_conf_t *cf, const char **list)
{
    char        *part;
    const char  *comma;

    if (*list == NULL) {
        return NULL;
    }

    comma = ngx_strchr(*list, ',');
    part = ngx_http_render_cstr(cf, *list, comma ? (size_t) (comma - *list)
                                                 : ngx_strlen(*list));
    *list = comma ? comma + 1 : NULL;

    return part;
}


/*
 * libpq would look names up on the event loop: it gets addresses beside them,
 * of now, and after a failure of then.
 */

static char *
ngx_http_render_pg_hosts(ngx_conf_t *cf, ngx_array_t *hosts, const char *names,
    const char *ports)
{
    u_char      *p;
    char        *name, *port;
    ngx_url_t    u;
    ngx_uint_t   several;

    several = ports != NULL && ngx_strchr(ports, ',') != NULL;
    port = ports != NULL ? (char *) ports : "";

    while ((name = ngx_http_render_part(cf, &names)) != NULL) {

        if (several) {
            port = ngx_http_render_part(cf, &ports);
            if (port == NULL) {
                return "names fewer ports than hosts";
            }
        }

        if (name[0] == '\0' || name[0] == '/' || name[0] == '@') {
            if (ngx_http_render_hosts_add(cf, hosts, NULL, name, port, NULL)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }
            continue;
        }

        p = ngx_pnalloc(cf->pool, ngx_strlen(name) + sizeof("[]"));
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }

        /* nginx wants an address of IPv6 in brackets, libpq has it without */

        ngx_memzero(&u, sizeof(ngx_url_t));
        u.url.data = p;
        u.url.len = ngx_sprintf(p, ngx_strchr(name, ':') ? "[%s]" : "%s", name)
                    - p;
        u.default_port = 1;

        if (ngx_http_render_hosts_add(cf, hosts, &u, name, port,
                                      "render_postgres")
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return several && ports != NULL ? "names more ports than hosts"
                                    : NGX_CONF_OK;
}


/* What libpq itself would find out only in a worker process; NULL: nothing. */

static const char *
ngx_http_render_pg_wrong(const char *keyword, const char *value)
{
    size_t              len;
    ngx_int_t           port;
    const char         *p, *comma;
    const char *const  *m;

    static const char *const modes[] = {
        "disable", "allow", "prefer", "require", "verify-ca", "verify-full",
        NULL
    };

    if (ngx_strcmp(keyword, "port") == 0) {
        for (p = value; p != NULL; p = comma != NULL ? comma + 1 : NULL) {
            comma = ngx_strchr(p, ',');
            len = comma != NULL ? (size_t) (comma - p) : ngx_strlen(p);
            port = len != 0 ? ngx_atoi((u_char *) p, len) : 5432;

            if (port < 1 || port > 65535) {
                return "has an invalid port";
            }
        }

        return NULL;
    }

    if (ngx_strcmp(keyword, "sslmode") == 0) {
        for (m = modes; *m != NULL; m++) {
            if (ngx_strcmp(value, *m) == 0) {
                return NULL;
            }
        }

        return "has an invalid sslmode, it must be \"disable\", \"allow\", "
               "\"prefer\", \"require\", \"verify-ca\" or \"verify-full\"";
    }

    return NULL;
}


char *
ngx_http_render_postgres(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_render_main_conf_t *mcf = conf;

    char              *err, *rv;
    size_t             len;
    u_char            *p;
    ngx_str_t         *value;
    ngx_int_t          n;
    ngx_uint_t         addressed;
    const char        *hosts, *ports;
    PQconninfoOption  *opts, *o;

    static const char *const fixed[] = {
        "gssencmode", "disable",
        "application_name", "nginx-render",
        "client_encoding", "UTF8",
        "keepalives_idle", "10",
        "tcp_user_timeout", "10000",
        "options", "-c statement_timeout=5s -c lock_timeout=1s"
                   " -c idle_in_transaction_session_timeout=10s",
        NULL
    };
    const char *const *f, *wrong;

    if (mcf->pg_keywords != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    rv = NGX_CONF_OK;
    hosts = ports = NULL;
    addressed = 0;

    /* libpq would repeat the value as a whole, with the password in it */

    p = (u_char *) ngx_strstr(value[1].data, "://");

    if (p != NULL && ngx_strncmp(value[1].data, "postgresql://", 13) != 0
        && ngx_strncmp(value[1].data, "postgres://", 11) != 0
        && ngx_strlchr(value[1].data, p, '=') == NULL)
    {
        return "must be postgresql://[user[:password]@][host][:port]/database,"
               " or keywords and values of libpq";
    }

    opts = PQconninfoParse((char *) value[1].data, &err);
    if (opts == NULL) {
        len = err != NULL ? ngx_strlen(err) : 0;

        while (len > 0 && err[len - 1] == '\n') {
            len--;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value of \"render_postgres\": %*s",
                           len, err != NULL ? err : "");
        PQfreemem(err);
        return NGX_CONF_ERROR;
    }

    mcf->pg_keywords = ngx_array_create(cf->pool, 16, sizeof(char *));
    mcf->pg_values = ngx_array_create(cf->pool, 16, sizeof(char *));
    mcf->pg_hosts = ngx_array_create(cf->pool, 2,
                                     sizeof(ngx_http_render_host_t));
    if (mcf->pg_keywords == NULL || mcf->pg_values == NULL
        || mcf->pg_hosts == NULL)
    {
        PQconninfoFree(opts);
        return NGX_CONF_ERROR;
    }

    for (o = opts; o->keyword != NULL && rv == NGX_CONF_OK; o++) {
        if (o->val == NULL || o->val[0] == '\0') {
            continue;
        }

        if (ngx_strcmp(o->keyword, "options") == 0) {
            rv = "may not hold \"options\"";
            break;
        }

        wrong = ngx_http_render_pg_wrong(o->keyword, o->val);

        if (wrong != NULL) {
            rv = (char *) wrong;
            break;
        }

        if (ngx_strcmp(o->keyword, "host") == 0) {
            hosts = o->val;
        } else if (ngx_strcmp(o->keyword, "port") == 0) {
            ports = o->val;
        } else if (ngx_strcmp(o->keyword, "hostaddr") == 0) {
            addressed = 1;
        }
    }

    /* with a hostaddr of the operator's there is nothing to look up */

    if (rv == NGX_CONF_OK && hosts != NULL && !addressed) {
        rv = ngx_http_render_pg_hosts(cf, mcf->pg_hosts,
                 ngx_http_render_cstr(cf, hosts, ngx_strlen(hosts)),
                 ports ? ngx_http_render_cstr(cf, ports, ngx_strlen(ports))
                       : NULL);
    }

    for (o = opts; o->keyword != NULL && rv == NGX_CONF_OK; o++) {
        if (o->val == NULL || o->val[0] == '\0'
            || (mcf->pg_hosts->nelts != 0
                && (ngx_strcmp(o->keyword, "host") == 0
                    || ngx_strcmp(o->keyword, "port") == 0)))
        {
            continue;
        }

        (void) ngx_http_render_push(mcf->pg_keywords,
                                    ngx_http_render_cstr(cf, o->keyword,
                                                    ngx_strlen(o->keyword)));
        (void) ngx_http_render_push(mcf->pg_values,
                                    ngx_http_render_cstr(cf, o->val,
                                                    ngx_strlen(o->val)));
    }

    PQconninfoFree(opts);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (f = fixed; *f != NULL; f += 2) {
        (void) ngx_http_render_push(mcf->pg_keywords, f[0]);
        (void) ngx_http_render_push(mcf->pg_values, f[1]);
    }

    if (cf->args->nelts == 3) {
        if (ngx_strncmp(value[2].data, "connections=", 12) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", only "
                               "\"connections=\" is known", &value[2]);
            return NGX_CONF_ERROR;
        }

        n = ngx_atoi(value[2].data + 12, value[2].len - 12);
        if (n < 3 || n > 128) {
            return "\"connections\" must be between 3 and 128";
        }

        mcf->pg_connections = (ngx_uint_t) n;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_render_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_render_main_conf_t *mcf = conf;

    u_char     *p, *last, *at, *slash;
    ngx_str_t  *value;
    ngx_url_t   u;
    ngx_int_t   db;

    if (mcf->redis_hosts != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    p = value[1].data;
    last = p + value[1].len;

    if (value[1].len < 9 || ngx_strncmp(p, "redis://", 8) != 0) {
        return "must be redis://[:password@]host[:port][/database]";
    }

    p += 8;
    /* the last one, as the workers take it: a password may hold others */

    for (at = last - 1; at > p && *at != '@'; at--) { /* void */ }

    if (*at == '@') {
        if (*p != ':') {
            return "takes a password as redis://:password@host";
        }
        mcf->redis_password.data = p + 1;
        mcf->redis_password.len = at - p - 1;
        p = at + 1;
    }

    slash = ngx_strlchr(p, last, '/');
    if (slash != NULL) {
        db = slash + 1 < last ? ngx_atoi(slash + 1, last - slash - 1) : 0;
        if (db < 0 || db > 1023) {
            return "names no database between 0 and 1023";
        }
        mcf->redis_db = db;
        last = slash;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url.data = p;
    u.url.len = last - p;
    u.default_port = 6379;

    mcf->redis_hosts = ngx_array_create(cf->pool, 1,
                                        sizeof(ngx_http_render_host_t));
    if (mcf->redis_hosts == NULL
        || ngx_http_render_hosts_add(cf, mcf->redis_hosts, &u, NULL, "",
                                     "render_redis")
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    mcf->redis_port = u.port;

    return NGX_CONF_OK;
}


/* A directory that is there; its path goes without slashes at its end. */

static char *
ngx_http_render_folder(ngx_conf_t *cf, ngx_command_t *cmd, const char *path,
    ngx_str_t *into)
{
    ngx_file_info_t  fi;

    ngx_set_errno(0);

    if (ngx_file_info(path, &fi) == NGX_FILE_ERROR || !ngx_is_dir(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf,
                           ngx_errno ? ngx_errno : NGX_ENOTDIR,
                           "the directory \"%s\" of \"%V\" cannot be "
                           "used", path, &cmd->name);
        return NGX_CONF_ERROR;
    }

    into->data = (u_char *) path;
    into->len = ngx_strlen(path);

    while (into->len > 1 && into->data[into->len - 1] == '/') {
        into->len--;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_render_storage(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_render_main_conf_t *mcf = conf;

    char             err[256];
    ngx_str_t       *value;
    const char      *path;

    if (mcf->storage.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mcf->storage = value[1];

    if (ngx_strncmp(value[1].data, "s3://", 5) == 0) {
        return ngx_http_render_s3_conf(cf, mcf, &value[1]);
    }

    path = rn_store_path((char *) value[1].data, err, sizeof(err));
    if (path == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value of \"render_storage\": %s", err);
        return NGX_CONF_ERROR;
    }

    return ngx_http_render_folder(cf, cmd, path, &mcf->storage_path);
}


char *
ngx_http_render_spool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_render_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->spool_path.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].data[0] != '/') {
        return "must be an absolute path";
    }

    return ngx_http_render_folder(cf, cmd, (char *) value[1].data,
                                  &mcf->spool_path);
}


char *
ngx_http_render_storage_init(ngx_conf_t *cf, ngx_http_render_main_conf_t *mcf)
{
    if ((mcf->s3 != NULL) != (mcf->spool_path.data != NULL)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, mcf->s3 != NULL
                           ? "storage in S3 needs \"render_spool\", where "
                             "uploads lie until they are there"
                           : "\"render_spool\" is for storage in S3 alone: in "
                             "a directory uploads lie beside");
        return NGX_CONF_ERROR;
    }

    if (mcf->s3 != NULL) {
        mcf->storage_path = mcf->spool_path;
    }

    /* on the same file system, that a whole upload need not be copied */

    mcf->spool.data = ngx_pnalloc(cf->pool, mcf->storage_path.len
                                            + sizeof("/uploads"));
    if (mcf->spool.data == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->spool.len = ngx_sprintf(mcf->spool.data, "%V/uploads%Z",
                                 &mcf->storage_path) - mcf->spool.data - 1;

    return NGX_CONF_OK;
}


/* Keys are files, so that nginx -T prints none; read by the master. */

static char *
ngx_http_render_read_key(ngx_conf_t *cf, ngx_str_t *name, size_t min,
    ngx_str_t *key)
{
    u_char           buf[4097];
    ssize_t          n;
    ngx_fd_t         fd;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));
    (void) ngx_close_file(fd);

    if (n < 0 || n == (ssize_t) sizeof(buf)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, n < 0 ? ngx_errno : 0,
                           "the key file \"%V\" cannot be read, or is longer "
                           "than 4096 bytes", name);
        return NGX_CONF_ERROR;
    }

    while (n > 0 && (buf[n - 1] == LF || buf[n - 1] == CR)) {
        n--;
    }

    if (n >= 10 && ngx_strncmp(buf, "-----BEGIN", 10) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the key file \"%V\" holds a PEM key; here a "
                           "shared secret is needed", name);
        return NGX_CONF_ERROR;
    }

    if ((size_t) n < min) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the key file \"%V\" holds %z bytes, at least %uz "
                           "are needed", name, n, min);
        return NGX_CONF_ERROR;
    }

    key->data = (u_char *) ngx_http_render_cstr(cf, (char *) buf, n);
    key->len = n;

    return key->data != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_render_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_render_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->jwt_key.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    return ngx_http_render_read_key(cf, &value[1], 32, &mcf->jwt_key);
}


char *
ngx_http_render_link_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_render_main_conf_t *mcf = conf;

    char       *rv;
    ngx_str_t  *value, *key, *first;

    if (mcf->link_keys == NULL) {
        mcf->link_keys = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
        if (mcf->link_keys == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (mcf->link_keys->nelts == 2) {
        return "takes two keys at the most: the one that signs, and one that "
               "is still accepted";
    }

    key = ngx_array_push(mcf->link_keys);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    rv = ngx_http_render_read_key(cf, &value[1], RN_LINK_KEY_MIN, key);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    first = mcf->link_keys->elts;

    if (key != first && key->len == first->len
        && ngx_memcmp(key->data, first->data, key->len) == 0)
    {
        return "names a key that is there already";
    }

    return NGX_CONF_OK;
}
