# What nginx -t says of a configuration: of wrong ones, a file each in t/config, and of right ones; and
# one with a prefix that works. What one inherits from another is in t/neighbour.t.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use Test::More;

use Render::Test;
use Render::Test::Elsewhere;
use Render::Test::Problem;
use Render::Test::Files;

my $build  = abs_path($ENV{RENDER_BUILD} || 'build');
my $module = "$build/ngx_http_render_module.so";
my $dir    = tempdir(CLEANUP => 1);
my $nginx  = (grep { -x } map {"$_/nginx"} split(/:/, $ENV{PATH}), qw(/usr/sbin /sbin))[0] or BAIL_OUT('no nginx');

mkdir "$dir/$_" or die "mkdir: $!" for qw(storage logs);
spew("$dir/jwt.key",   'j' x 32);
spew("$dir/link.key",  'l' x 16);
spew("$dir/link2.key", 'm' x 16);
spew("$dir/link3.key", 'n' x 16);
spew("$dir/copy.key",  'l' x 16 . "\n");
spew("$dir/short.key", 's' x 31 . "\n\n");
spew("$dir/tiny.key",  's' x 15);
spew("$dir/empty.key", '');
spew("$dir/long.key",  's' x 4097);
spew("$dir/pem.key",   "-----BEGIN PRIVATE KEY-----\n" . 'A' x 64 . "\n-----END PRIVATE KEY-----\n");

# What a configuration needs, each by its name.
my %need = (
    render_postgres => "render_postgres \"postgresql://render_web:hunter2\@/render?host=/nowhere\" connections=4;",
    render_redis    => 'render_redis redis://127.0.0.1:6379/0;',
    render_storage  => "render_storage file://$dir/storage;",
    render_jwt_key  => 'render_jwt_key jwt.key;',
    render_link_key => 'render_link_key link.key;',
);

# test($http, $location, without => 'name', main => '...', server => '...'): (status, output)
sub test { return test_with({}, @_) }

# test_with({ what is in nginx's environment }, ...)
sub test_with {
    my ($env, $http, $location, %opt) = @_;
    my $without = defined $opt{without} ? $opt{without} : '';
    my @needed  = map { $need{$_} } grep { $_ ne $without } sort keys %need;
    $location = 'render_api all;' unless defined $location;
    my $server = defined $opt{server} ? $opt{server} : '';
    my $main   = defined $opt{main}   ? $opt{main}   : '';
    spew("$dir/nginx.conf", <<"CONF");
load_module "$module";
pid "$dir/nginx.pid";
$main
events { }
http {
    @{[ basics() ]}
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
    return nginx_t(%$env);
}

# A module with a sanitizer in it needs its runtime first; what nginx leaves to its end is no leak.
my ($asan) = `ldd '$module'` =~ /libasan\S* => (\S+)/;

sub nginx_t {
    my (%more) = @_;
    local %ENV = (map({ $_ => $ENV{$_} } grep { !/\AAWS_/ } keys %ENV), HOME => $dir, AWS_EC2_METADATA_DISABLED => 'true', %more);
    @ENV{qw(LD_PRELOAD ASAN_OPTIONS)} = ($asan, 'detect_leaks=0') if $asan;
    my $out = `'$nginx' -t -p '$dir' -c '$dir/nginx.conf' -e '$dir/logs/error.log' 2>&1`;
    return ($? >> 8, $out);
}

# What every http block of ours begins with; nothing of the machine's is written to.
sub basics {
    return qq{access_log off;\n} . join '', map { qq{${_}_temp_path "$dir/$_";\n} } qw(client_body proxy fastcgi uwsgi scgi);
}

sub accepted { return accepted_with({}, @_) }

sub accepted_with {
    my ($env, $what, @conf) = @_;
    my ($status, $out) = test_with($env, @conf);
    ok $status == 0 && $out =~ /test is successful/ && $out !~ /\[(?:warn|emerg|alert)\]/, $what or diag $out;
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
{
    my @s3 = ('render_storage "s3://bucket/pre/fix?endpoint=http://127.0.0.1:1&region=eu-1"; render_spool ' . "$dir/storage;", undef,
        without => 'render_storage');
    my @of = ((AWS_ACCESS_KEY_ID => 'AKIDEXAMPLE'), (AWS_SECRET_ACCESS_KEY => 'secretsecret'));
    my ($status, $out);
    accepted_with({@of}, 'storage in S3', @s3);
    spew("$dir/credentials", "[other]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secretsecret\n");
    accepted_with({ AWS_SHARED_CREDENTIALS_FILE => "$dir/credentials", AWS_PROFILE => 'other' }, 'with keys from a file', @s3);
    spew("$dir/secret", "secretsecret\n");
    accepted_with({ AWS_ACCESS_KEY_ID => 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY_FILE => "$dir/secret" }, 'one of them in a file', @s3);
    my $refused = sub {
        my ($env, $like, $what, @conf) = @_;
        ($status, $out) = test_with($env, @conf);
        ok $status == 1 && $out =~ $like && $out !~ /secretsecret/, $what or diag $out;
    };
    $refused->({ AWS_ACCESS_KEY_ID => 'AKIDEXAMPLE' }, qr/AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not/, 'half of them', @s3);
    $refused->({ @of, AWS_SESSION_TOKEN_FILE => "$dir/none" }, qr/the file "\Q$dir\E\/none" of AWS_SESSION_TOKEN_FILE cannot be read/,
        'a file that is not there', @s3);
    $refused->({@of}, qr/storage in S3 needs "render_spool"/, 'without a spool', 'render_storage s3://bucket;', undef,
        without => 'render_storage');
}
accepted('nothing of it at all', '', 'return 204;', without => $_) for sort keys %need;
accepted("connections=$_", "render_postgres postgresql:///x?host=/x connections=$_;", undef, without => 'render_postgres') for 3, 128;
accepted("a database as $_", "render_postgres \"$_\";", undef, without => 'render_postgres')
    for 'host=/run/postgresql dbname=render', 'host=/run/postgresql,127.0.0.1,::1 port=5432,5433,5434 target_session_attrs=read-write',
        'postgresql://127.0.0.1:5433,127.0.0.2/render', 'host=localhost hostaddr=127.0.0.1 port=5433', 'dbname=render',
        'postgresql://127.0.0.1/render', 'postgresql://[::1]:5433/render?sslmode=require';
accepted("a map of \$$_", "map \$status \$$_ { default x; }") for qw(render_log_path render_log_agent render_log_status);
accepted("Redis as $_", "render_redis $_;", undef, without => 'render_redis')
    for qw(redis://127.0.0.1 redis://127.0.0.1/ redis://:pass@127.0.0.1:6380/1023 redis://:p@ss/w@127.0.0.1/1 redis://[::1]:6379/0);
accepted("storage as $_", "render_storage $_;", undef, without => 'render_storage') for "$dir/storage", "file://$dir/storage///";


# ---------------------------------------------------------------- wrong

# A file each: the message in its first line, "# here" behind the line that it must name.
for my $name (sort keys %need) {
    spew("$dir/but_" . substr($name, 7) . '.conf', basics() . join "\n", map { $need{$_} } grep { $_ ne $name } sort keys %need);
}
spew("$dir/needed.conf", basics() . join "\n", map { $need{$_} } sort keys %need);

my %there;
for my $file (sort glob 't/config/*.conf') {
    my ($name) = $file =~ m{([^/]+)\.conf\z};
    my @lines = do { open my $in, '<', $file or die "$file: $!"; <$in> };
    my ($message) = $lines[0] =~ /\A# expect: (.+)\n\z/ or BAIL_OUT("$file does not say what it expects");
    $message =~ s/\{dir\}/$dir/;
    my ($line) = grep { $lines[$_ - 1] =~ /# here$/ } 1 .. @lines;
    $message .= ' in ' . abs_path($file) . ":$line" if $line;
    spew("$dir/nginx.conf", qq{load_module "$module";\npid "$dir/nginx.pid";\nevents { }\ninclude "} . abs_path($file) . qq{";\n});
    my ($status, $out) = nginx_t();
    my ($said) = $out =~ /\[emerg\] (.*)$/m;
    $said = '' unless defined $said;
    $said =~ s/ in \S+:\d+\z// unless $line;
    ok $said eq $message && $status == 1 && $out !~ /Sanitizer|runtime error|hunter2|jjjj|llll|ssss|AAAA/, "$name: $message"
        or diag "status $status: $out";
    $there{$1}{$2} = 1 if $name =~ /\A(\w+)\.(.+)\z/;
}

# None is forgotten: of each directive the numbers of arguments, the places, and that it stands once.
my ($table) = do { local (@ARGV, $/) = ('ngx_module/ngx_http_render_module.c'); <> } =~ /ngx_http_render_commands\[\] = \{(.*?)ngx_null_command/s;
my @directives = $table =~ /ngx_string\("(\w+)"\)/g;
is_deeply [sort keys %there], [sort @directives], 'every directive has files in t/config';
for my $name (@directives) {
    my $of = $there{$name} || {};
    ok $of->{none} && $of->{main} && ($of->{duplicate} || $of->{third}), "$name: without arguments, outside of http, once more"
        or diag join ' ', sort keys %$of;
}


# ---------------------------------------------------------------- built into nginx

my $said = `USE_THREADS=NO sh ./config 2>&1`;
is $said, "./config: error: ngx_http_render_module needs nginx with --with-threads\n", 'configure without --with-threads is told so';
isnt $?, 0, 'and ends there';

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
if ($s->s3) {
    is_elsewhere $film, 'that of the film leads to S3, for as long as was configured', expires => 60;
} else {
    like $film->{headers}{location}, qr{\A/api/d/}, 'so has that of the film';
    is $s->req(GET => substr $film->{headers}{location}, 4)->{status}, 200, 'the link is no other without it';
    my ($expiry) = $film->{headers}{location} =~ m{/d/(\d+)\.};
    ok abs($expiry - time - 60) < 20, 'it lives as long as was configured';
}
is $s->req(GET => $film->{headers}{location})->{headers}{'content-type'}, 'video/mp4', 'which leads there';
my $download = $s->req(GET => "/api/compositions/$r->{json}{composition_id}/download", token => $token);
like $download->{json}{url}, $s->s3 ? qr{\A\Q$ENV{AWS_ENDPOINT_URL_S3}\E/} : qr{\A/api/d/}, 'a download has it';
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
