# What nginx -t says of a wrong configuration, one for each rule; and one with a prefix that works.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use Test::More;

use Render::Test;
use Render::Test::Problem;

my $build  = abs_path($ENV{RENDER_BUILD} || 'build');
my $module = "$build/ngx_http_render_module.so";
my $dir    = tempdir(CLEANUP => 1);
my $nginx  = (grep { -x } map {"$_/nginx"} split(/:/, $ENV{PATH}), qw(/usr/sbin /sbin))[0] or BAIL_OUT('no nginx');

mkdir "$dir/$_" or die "mkdir: $!" for qw(storage logs);
write_file("$dir/jwt.key",   'j' x 32);
write_file("$dir/link.key",  'l' x 16);
write_file("$dir/link2.key", 'm' x 16);
write_file("$dir/link3.key", 'n' x 16);
write_file("$dir/short.key", 's' x 31 . "\n\n");
write_file("$dir/tiny.key",  's' x 15);
write_file("$dir/empty.key", '');
write_file("$dir/long.key",  's' x 4097);
write_file("$dir/pem.key",   "-----BEGIN PRIVATE KEY-----\n" . 'A' x 64 . "\n-----END PRIVATE KEY-----\n");

# What a configuration needs, each by its name.
my %need = (
    render_postgres => "render_postgres \"postgresql://render_web:hunter2\@/render?host=/nowhere\" connections=4;",
    render_redis    => 'render_redis redis://127.0.0.1:6379/0;',
    render_storage  => "render_storage file://$dir/storage;",
    render_jwt_key  => 'render_jwt_key jwt.key;',
    render_link_key => 'render_link_key link.key;',
);

# test($http, $location, without => 'name', main => '...', server => '...'): (status, output)
sub test {
    my ($http, $location, %opt) = @_;
    my $without = defined $opt{without} ? $opt{without} : '';
    my @needed  = map { $need{$_} } grep { $_ ne $without } sort keys %need;
    $location = 'render_api all;' unless defined $location;
    my $server = defined $opt{server} ? $opt{server} : '';
    my $main   = defined $opt{main}   ? $opt{main}   : '';
    write_file("$dir/nginx.conf", <<"CONF");
load_module "$module";
pid "$dir/nginx.pid";
$main
events { }
http {
    access_log off;
    client_body_temp_path "$dir/b"; proxy_temp_path "$dir/p"; fastcgi_temp_path "$dir/f"; uwsgi_temp_path "$dir/u"; scgi_temp_path "$dir/s";
    @needed
    $http
    server {
        listen unix:$dir/socket;
        $server
        location / {
            $location
        }
    }
}
CONF
    # A module with a sanitizer in it needs its runtime first; what nginx leaves to its end is no leak.
    local %ENV = %ENV;
    my ($asan) = `ldd '$module'` =~ /libasan\S* => (\S+)/;
    @ENV{qw(LD_PRELOAD ASAN_OPTIONS)} = ($asan, 'detect_leaks=0') if $asan;
    my $out = `'$nginx' -t -p '$dir' -c '$dir/nginx.conf' -e '$dir/logs/error.log' 2>&1`;
    return ($? >> 8, $out);
}

sub accepted {
    my ($what, @conf) = @_;
    my ($status, $out) = test(@conf);
    ok $status == 0 && $out =~ /test is successful/ && $out !~ /\[(?:warn|emerg|alert)\]/, $what or diag $out;
}

sub refused {
    my ($message, @conf) = @_;
    my ($status, $out) = test(@conf);
    my ($said) = $out =~ /\[emerg\] (.*?)(?: in \S+nginx\.conf:\d+)?$/m;
    is $said, $message, $message or diag $out;
    is $status, 1, '... is fatal';
    unlike $out, qr/Sanitizer|runtime error|hunter2|jjjj|llll|ssss|AAAA/, '... and tells no more';
}


# ---------------------------------------------------------------- right

accepted('all that is needed', '');
accepted('names of resources', '', 'render_api auth users assets compositions jobs results progress health;');
accepted('metrics beside all', '', 'render_api all metrics;');
accepted('two keys for links', 'render_link_key link2.key;');
accepted('times', 'render_link_ttl 72h; render_jwt_ttl 30d; render_bcrypt_cost 16;');
accepted('the shortest times', 'render_link_ttl 1s; render_jwt_ttl 1s; render_bcrypt_cost 4;');
accepted('a prefix, and none', '', 'render_api all; render_prefix /;', server => 'render_prefix /api/v1/;');
accepted('auth where there is a key', '', 'render_auth user;', server => 'render_auth admin;');
accepted('thread pools of the operator', '', undef, main => 'thread_pool render_auth threads=1; thread_pool render_files threads=2 max_queue=10;');
accepted('nothing of it at all', '', 'return 204;', without => $_) for sort keys %need;
accepted("connections=$_", "render_postgres postgresql:///x?host=/x connections=$_;", undef, without => 'render_postgres') for 3, 128;
accepted("a database as $_", "render_postgres \"$_\";", undef, without => 'render_postgres')
    for 'host=/run/postgresql dbname=render', 'host=/run/postgresql,127.0.0.1,::1 port=5432,5433,5434 target_session_attrs=read-write',
        'postgresql://127.0.0.1:5433,127.0.0.2/render', 'host=localhost hostaddr=127.0.0.1 port=5433', 'dbname=render',
        'postgresql://127.0.0.1/render', 'postgresql://[::1]:5433/render?sslmode=require';
accepted("Redis as $_", "render_redis $_;", undef, without => 'render_redis')
    for qw(redis://127.0.0.1 redis://127.0.0.1/ redis://:pass@127.0.0.1:6380/1023 redis://[::1]:6379/0);
accepted("storage as $_", "render_storage $_;", undef, without => 'render_storage') for "$dir/storage", "file://$dir/storage///";


# ---------------------------------------------------------------- wrong

refused("\"render_api\" needs \"$_\" in the http block", '', undef, without => $_) for sort keys %need;
refused('"render_auth" needs "render_jwt_key" in the http block', '', 'render_auth user;', without => 'render_jwt_key');

refused("\"$_\" directive is duplicate", $need{$_}) for qw(render_postgres render_redis render_storage render_jwt_key);
refused('"render_link_key" directive takes two keys at the most: the one that signs, and one that is still accepted',
    'render_link_key link2.key; render_link_key link3.key;');
refused("\"$_\" directive is duplicate", "$_; $_;" =~ s/(\w+);/$1 5s;/gr) for qw(render_link_ttl render_jwt_ttl);
refused('"render_bcrypt_cost" directive is duplicate', 'render_bcrypt_cost 5; render_bcrypt_cost 5;');
refused('"render_auth" directive is duplicate',   '', 'render_auth user; render_auth user;');
refused('"render_prefix" directive is duplicate', '', 'render_api all; render_prefix /a; render_prefix /a;');

my %postgres = (
    'nonsense'                      => 'invalid value of "render_postgres": missing "=" after "nonsense" in connection info string',
    'host=/x port'                  => 'invalid value of "render_postgres": missing "=" after "port" in connection info string',
    'colour=red'                    => 'invalid value of "render_postgres": invalid connection option "colour"',
    'host=/x,/y,/z port=1,2'        => '"render_postgres" directive names fewer ports than hosts',
    'host=/x,/y port=1,2,3'         => '"render_postgres" directive names more ports than hosts',
    'host=a..b'                     => 'host not found in host "a..b" of "render_postgres"',
    'host=/x options=-cwork_mem=1'  => '"render_postgres" directive may not hold "options"',
);
refused($postgres{$_}, "render_postgres \"$_\";", undef, without => 'render_postgres') for sort keys %postgres;
refused('"render_postgres" directive "connections" must be between 3 and 128',
    "render_postgres host=/x connections=$_;", undef, without => 'render_postgres') for qw(2 129 0 -4 many), '';
refused('invalid parameter "pool=4", only "connections=" is known', 'render_postgres host=/x pool=4;', undef, without => 'render_postgres');
refused('invalid number of arguments in "render_postgres" directive', "$_;", undef, without => 'render_postgres')
    for 'render_postgres', 'render_postgres host=/x connections=4 connections=5';

my %redis = (
    'localhost:6379'            => '"render_redis" directive must be redis://[:password@]host[:port][/database]',
    'rediss://127.0.0.1:6379/0' => '"render_redis" directive must be redis://[:password@]host[:port][/database]',
    'redis://'                  => '"render_redis" directive must be redis://[:password@]host[:port][/database]',
    'redis://me:x@127.0.0.1'    => '"render_redis" directive takes a password as redis://:password@host',
    'redis://127.0.0.1/1024'    => '"render_redis" directive names no database between 0 and 1023',
    'redis://127.0.0.1/x'       => '"render_redis" directive names no database between 0 and 1023',
    'redis://127.0.0.1/0/1'     => '"render_redis" directive names no database between 0 and 1023',
    'redis://a..b/0'            => 'host not found in "a..b" of "render_redis"',
    'redis:///0'                => 'no host in "" of "render_redis"',
    'redis://127.0.0.1:99999'   => 'invalid port in "127.0.0.1:99999" of "render_redis"',
    'redis://127.0.0.1:x/0'     => 'invalid port in "127.0.0.1:x" of "render_redis"',
);
refused($redis{$_}, "render_redis $_;", undef, without => 'render_redis') for sort keys %redis;

my %storage = (
    'storage'             => 'invalid value of "render_storage": storage must be file:///absolute/path',
    'file://storage'      => 'invalid value of "render_storage": storage must be file:///absolute/path',
    'http://x/y'          => 'invalid value of "render_storage": storage must be file:///absolute/path',
    's3://bucket/prefix'  => 'invalid value of "render_storage": storage in S3 is not part of this version; use file:///path',
    "file://$dir/none"    => "the directory \"$dir/none\" of \"render_storage\" cannot be used (2: No such file or directory)",
    "file://$dir/jwt.key" => "the directory \"$dir/jwt.key\" of \"render_storage\" cannot be used (20: Not a directory)",
);
refused($storage{$_}, "render_storage $_;", undef, without => 'render_storage') for sort keys %storage;

for my $name (qw(render_jwt_key render_link_key)) {
    refused("open() \"$dir/none.key\" failed (2: No such file or directory)", "$name none.key;", undef, without => $name);
    refused("the key file \"$dir/pem.key\" holds a PEM key; here a shared secret is needed", "$name pem.key;", undef, without => $name);
    refused("the key file \"$dir/long.key\" cannot be read, or is longer than 4096 bytes", "$name long.key;", undef, without => $name);
    refused("the key file \"$dir/storage\" cannot be read, or is longer than 4096 bytes (21: Is a directory)", "$name storage;", undef,
        without => $name);
}
refused("the key file \"$dir/short.key\" holds 31 bytes, at least 32 are needed", 'render_jwt_key short.key;', undef, without => 'render_jwt_key');
refused("the key file \"$dir/empty.key\" holds 0 bytes, at least 32 are needed", 'render_jwt_key empty.key;', undef, without => 'render_jwt_key');
refused("the key file \"$dir/tiny.key\" holds 15 bytes, at least 16 are needed", 'render_link_key tiny.key;', undef, without => 'render_link_key');

refused('"render_link_ttl" must be between 1s and 72h', "render_link_ttl $_;") for qw(100h 259201 0);
refused('"render_jwt_ttl" must be at least 1s',         'render_jwt_ttl 0;');
refused("\"$_\" directive invalid value", "$_ soon;") for qw(render_link_ttl render_jwt_ttl);
refused('value must be between 4 and 16', "render_bcrypt_cost $_;") for qw(3 17);
refused('"render_bcrypt_cost" directive invalid number', 'render_bcrypt_cost high;');

refused('invalid value "lessons"', '', 'render_api lessons;');
refused('invalid value "ALLES"',   '', 'render_api auth ALLES;');
refused('invalid number of arguments in "render_api" directive', '', 'render_api;');
refused('invalid value "root"',    '', 'render_auth root;');
refused('invalid value "on"',      '', 'render_auth on;');
refused('"render_prefix" directive must begin with "/"', '', "render_api all; render_prefix $_;") for 'api', '""', 'http://x/';

refused("\"$_\" directive is not allowed here", '', undef, server => $need{$_}) for sort keys %need;
refused('"render_api" directive is not allowed here', 'render_api all;');
refused('"render_api" directive is not allowed here', '', undef, server => 'render_api all;');
refused('"render_bcrypt_cost" directive is not allowed here', '', 'render_api all; render_bcrypt_cost 5;');


# ---------------------------------------------------------------- built into nginx

# Its header filter is lost when it is set up before the core's own begin the chain.
my $src = $ENV{NGINX_SRC} || '/usr/share/nginx/src';
my $top = abs_path('.');
my $log = `cd '$src' && ./configure --with-compat --with-threads --builddir='$dir/static' --add-module='$top' 2>&1`;
is $?, 0, 'a static build is configured' or diag $log;
my @order = do { open my $in, '<', "$dir/static/ngx_modules.c" or die "ngx_modules.c: $!"; map {/"(ngx_\w+)"/} <$in> };
my %place = map { $order[$_] => $_ } 0 .. $#order;
cmp_ok $place{ngx_http_render_module} // -1, '>', $place{ngx_http_header_filter_module}, 'its filters are called before those of the core';


# ---------------------------------------------------------------- under a prefix

my $s = Render::Test->start(workers => 1, slots => 2,
    http_conf    => 'render_bcrypt_cost 5; render_link_ttl 60s; render_jwt_ttl 300s;',
    extra_conf   => <<'CONF',
location /api/ { render_api all; render_prefix /api; }
location /parts/ {
    render_api all;
    render_prefix /parts;
    limit_except GET { allow 127.0.0.1; deny all; }
    if ($http_x_test) { set $test 1; }
}
location /v1/  { render_prefix /v1/; location /v1/auth/ { render_api auth; } location /v1/jobs { render_api jobs health; } }
CONF
    allow_alerts => qr/\[emerg\].*unknown directive "nonsense"/,
);

my $r = $s->req(POST => '/api/auth/signup', json => { email => 'a@example.test', password => 'correct horse' });
is $r->{status}, 201, 'signing up under a prefix';
is $r->{json}{expires_in}, 300, 'for as long as was configured';
my $token = $r->{json}{access_token};
is $s->req(GET => '/users/me', token => $token)->{status}, 200, 'it holds without the prefix, too';
is $s->req(GET => '/api/users/me', token => $token)->{json}{email}, 'a@example.test', 'and with it';
is_problem $s->req(GET => '/api/api/users/me', token => $token), 404, 'but not with two';
is_problem $s->req(GET => "/api$_", token => $token), 404, "nothing at /api$_" for '/', '/nowhere', '/d';
is_problem $s->req(GET => '/apix', token => $token), 404, 'nor beside it';

$r = $s->req(POST => '/api/compositions', token => $token, json => { timeline => { width => 64, height => 64, fps => 10, tracks => [
    { clips => [{ asset => { type => 'color', color => '#abc' }, duration => 1 }] }] } });
is $r->{status}, 202, 'a composition';
my $job = $r->{json}{job_id};
is $r->{headers}{location}, "/api/jobs/$job", 'Location has the prefix';
my $ws = $s->ws("/api/ws/progress/$job", token => $token);
is $ws->status, 101, 'the WebSocket is there';
$ws->close;
is $s->wait_job($token, $job)->{status}, 'completed', 'the film is rendered';
is $s->req(GET => $r->{headers}{location}, token => $token)->{json}{id}, $job, 'Location leads there';
my $film = $s->req(GET => "/api/results/$job/final", token => $token);
like $film->{headers}{location}, qr{\A/api/d/}, 'so has that of the film';
is $s->req(GET => $film->{headers}{location})->{headers}{'content-type'}, 'video/mp4', 'which leads there';
is $s->req(GET => substr $film->{headers}{location}, 4)->{status}, 200, 'the link is no other without it';
my ($expiry) = $film->{headers}{location} =~ m{/d/(\d+)\.};
ok abs($expiry - time - 60) < 20, 'it lives as long as was configured';
my $download = $s->req(GET => "/api/compositions/$r->{json}{composition_id}/download", token => $token);
like $download->{json}{url}, qr{\A/api/d/}, 'a download has it';
is $s->req(GET => $download->{json}{url})->{status}, 200, 'and leads there';

my %login = (json => { email => 'a@example.test', password => 'correct horse' });
is $s->req(POST => '/v1/auth/login', %login)->{status}, 200, 'a location may serve one resource';
is_problem $s->req(GET => '/v1/auth/health'), 404, 'and no other';
is $s->req(GET => "/v1/jobs/$job", token => $token)->{status}, 200, 'or two';
is $s->req(GET => '/v1/users/me', token => $token)->{status}, 404, 'resources are not inherited by a location around it';

# blocks within a location are parts of it
is $s->req(POST => '/parts/auth/login', %login)->{status}, 200, 'a method within limit_except';
is $s->req(GET => '/parts/users/me', token => $token)->{status}, 200, 'one that is not';
is $s->req(GET => '/parts/users/me', token => $token, headers => { 'X-Test' => 1 })->{status}, 200, 'and within an "if"';

# what is wrong is not taken, and what was there goes on
$s->conf(extra => 'nonsense;');
my ($code, $out) = $s->try_stack('reload');
isnt $code, 0, 'a wrong configuration is not taken';
like $out, qr/unknown directive "nonsense"/, 'it is said why';
is $s->req(GET => '/api/users/me', token => $token)->{status}, 200, 'the one from before goes on';
$s->conf('extra');
$s->reload;
is wait_until(sub { my $a = $s->req(GET => '/api/users/me', token => $token); $a->{status} == 404 && $a->{status} }, 10,
    'the prefix to go'), 404, 'without the prefix there is nothing under it';
is $s->req(GET => '/users/me', token => $token)->{status}, 200, 'but beside it';

$s->stop;
done_testing;


sub write_file {
    open my $out, '>:raw', $_[0] or die "$_[0]: $!";
    print {$out} $_[1];
    close $out or die "$_[0]: $!";
}
