# docs/directives.md against the command table of the module, both ways: names,
# contexts and numbers of arguments; and its defaults against nginx.

use strict;
use warnings;

use lib 't/lib';
use Cwd qw(abs_path);
use Encode qw(decode_utf8);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Render::Test;
use Render::Test::Files;
use Test::More;
use Time::HiRes qw(time);

my $top   = abs_path(dirname(__FILE__) . '/..');
my $build = abs_path($ENV{RENDER_BUILD} // "$top/build");
my $nginx = (grep { -x } map {"$_/nginx"} split(/:/, $ENV{PATH}), qw(/usr/sbin /sbin))[0] or BAIL_OUT('no nginx');
my $dir   = tempdir(CLEANUP => 1);

# ---------------------------------------------------------------- what is there

my %context = (NGX_HTTP_MAIN_CONF => 'http', NGX_HTTP_SRV_CONF => 'server', NGX_HTTP_LOC_CONF => 'location',
    NGX_HTTP_LIF_CONF => 'if in location');
my @order = ('http', 'server', 'location', 'if in location');
my $many  = 'more';
my %arity = (NGX_CONF_NOARGS => [0, 0], NGX_CONF_FLAG => [1, 1], NGX_CONF_1MORE => [1, $many], NGX_CONF_2MORE => [2, $many],
    NGX_CONF_ANY => [0, $many], (map { ("NGX_CONF_TAKE$_" => [$_, $_]) } 1 .. 7), NGX_CONF_TAKE12 => [1, 2],
    NGX_CONF_TAKE23 => [2, 3], NGX_CONF_TAKE123 => [1, 3], NGX_CONF_TAKE1234 => [1, 4]);

my %command;
my ($table) = slurp("$top/ngx_module/ngx_http_render_module.c") =~ /ngx_command_t\s+ngx_http_render_commands\[\] = \{(.*?)ngx_null_command/s;
my $rows = () = $table =~ /ngx_string\(/g;
while ($table =~ /\{\s*ngx_string\("(\w+)"\),\s*([A-Z0-9_|\s]+?),/g) {
    my ($name, @flags) = ($1, split /[|\s]+/, $2);
    my ($n) = grep {defined} map { $arity{$_} } @flags;
    is_deeply [grep { !$context{$_} && !$arity{$_} } @flags], [], "$name has no flag that this test does not know";
    my %there = map { $context{$_} => 1 } grep { $context{$_} } @flags;
    $command{$name} = { context => join(', ', grep { $there{$_} } @order), arity => $n, flag => scalar grep { $_ eq 'NGX_CONF_FLAG' } @flags };
}
is scalar keys %command, $rows, 'every row of the command table is read';
cmp_ok $rows, '>', 10, 'and there are some';

# ---------------------------------------------------------------- what is told

# "a | b ... [c]": the least and the largest number of arguments
sub arguments {
    my ($syntax) = @_;
    my ($least, $most);
    for my $way (split / \| /, $syntax) {
        my ($min, $max) = (0, 0);
        for my $word (split ' ', $way) {
            if ($word eq '...') { $max = $many; next }
            $min++ if $word !~ /^\[/;
            $max++ if $max ne $many;
        }
        $least = $min if !defined $least || $min < $least;
        $most = $max if !defined $most || $max eq $many || ($most ne $many && $max > $most);
    }
    return [$least, $most];
}

my $doc = decode_utf8(slurp("$top/docs/directives.md"));
my ($part) = $doc =~ /^## Directives\n(.*?)^## /ms;
my %told;
my @names;
while ($part =~ /^### (\w+)\n\n    Syntax:   (\w+)((?: [^\n]+)?);\n    Default:  ([^\n]+)\n    Context:  ([^\n]+)\n\n(.+?)(?=^###|\z)/gms) {
    is $2, $1, "the syntax of $1 is its own";
    push @names, $1;
    $told{$1} = { syntax => $3, default => $4, context => $5, text => $6 };
}
is scalar @names, scalar(() = $part =~ /^### /mg), 'each directive has Syntax, Default, Context and a text';
is_deeply \@names, [sort @names], 'they stand in order';
is_deeply \@names, [sort keys %command], 'docs/directives.md has all directives of the command table, and no other';

for my $name (grep { $told{$_} } sort keys %command) {
    my $t = $told{$name};
    is $t->{context}, $command{$name}{context}, "$name: context";
    is_deeply arguments($t->{syntax}), $command{$name}{arity}, "$name: number of arguments";
    is $t->{syntax}, ' on | off', "$name: a flag" if $command{$name}{flag};
    ok $t->{default} eq "\x{2014}" || $t->{default} =~ /^\Q$name\E .+;$/, "$name: a default is a directive, or a dash";
    like $t->{text}, qr/^[A-Z].*\.\n/s, "$name: sentences";
}

# ---------------------------------------------------------------- defaults

spew("$dir/$_.key", $_ x 40) for qw(jwt link);
mkdir "$dir/$_" or die $! for qw(storage logs);

my @needed = (
    'render_postgres "postgresql:///x?host=/nowhere";', 'render_redis redis://127.0.0.1;', "render_storage file://$dir/storage;",
    "render_jwt_key $dir/jwt.key;", "render_link_key $dir/link.key;",
);

# what nginx -t says of a configuration, '' if nothing
sub nginx_says {
    my ($http, $server, $location) = @_;
    spew("$dir/nginx.conf", <<"CONF");
load_module "$build/ngx_http_render_module.so";
pid "$dir/nginx.pid";
events { }
http {
    access_log off;
    client_body_temp_path "$dir/b"; proxy_temp_path "$dir/p"; fastcgi_temp_path "$dir/f"; uwsgi_temp_path "$dir/u"; scgi_temp_path "$dir/s";
    @needed
    $http
    server {
        listen unix:$dir/socket;
        $server
        location / { render_api all; }
        location /x { $location }
    }
}
CONF
    local %ENV = %ENV;
    my ($asan) = `ldd '$build/ngx_http_render_module.so'` =~ /libasan\S* => (\S+)/;
    @ENV{qw(LD_PRELOAD ASAN_OPTIONS)} = ($asan, 'detect_leaks=0') if $asan;
    my $out = `'$nginx' -t -p '$dir' -c '$dir/nginx.conf' -e '$dir/logs/error.log' 2>&1`;
    return $? == 0 && $out !~ /\[(?:warn|alert|emerg)\]/ ? '' : $out;
}

my %default = map { $_ => $told{$_}{default} } grep { $told{$_}{default} =~ /;$/ } keys %told;
cmp_ok scalar keys %default, '>=', 4, 'some have defaults';
is nginx_says('', '', ''), '', 'a configuration without them';
for my $where (qw(http server location)) {
    my $all = join ' ', map { $default{$_} } grep { $told{$_}{context} =~ /\b$where\b/ } sort keys %default;
    is nginx_says(map { $_ eq $where ? $all : '' } qw(http server location)), '', "all defaults in $where: $all";
}

# A directive is refused where the text does not allow it, so the contexts are nginx's, too.
for my $name (sort keys %default) {
    for my $where (grep { $told{$name}{context} !~ /\b$_\b/ } qw(http server location)) {
        like nginx_says(map { $_ eq $where ? $default{$name} : '' } qw(http server location)), qr/"$name" directive is not allowed here/,
            "$name is not allowed in $where";
    }
}

# Those that show: a stack that sets none of them.
sub seconds {
    my ($n, $unit) = $_[0] =~ /^\w+ (\d+)([smhd]);$/ or return;
    return $n * { s => 1, m => 60, h => 3600, d => 86_400 }->{$unit};
}

my $s = Render::Test->start(worker => 0);
my $r = $s->req(POST => '/auth/signup', json => { email => 'a@example.test', password => 'correct horse' });
is $r->{json}{expires_in}, seconds($default{render_jwt_ttl}), 'render_jwt_ttl is what is told';
my ($cost) = $default{render_bcrypt_cost} =~ /(\d+)/;
like $s->psql('SELECT password_hash FROM render.account'), qr/^\$2b\$0?$cost\$/, 'so is render_bcrypt_cost';
$s->psql("WITH j AS (INSERT INTO render.job (owner, kind, status, results) SELECT id, 'composition', 'completed',"
    . " '{\"final\": {\"key\": \"outputs/x/1/final.mp4\"}}' FROM render.account RETURNING id) SELECT id FROM j");
my $job = $s->psql('SELECT id FROM render.job');
my $began = int time;
my $link = $s->req(GET => "/results/$job/final", token => $r->{json}{access_token});
my ($expires) = ($link->{headers}{location} // '') =~ m{/d/(\d+)\.};
$expires = $began + $1 if $s->s3 && $link->{headers}{location} =~ /[?&]X-Amz-Expires=(\d+)/;
ok defined $expires && abs($expires - $began - seconds($default{render_link_ttl})) <= 5, 'and render_link_ttl'
    or diag explain $link;
$s->stop;

# ---------------------------------------------------------------- variables

my %variable = map { $_ => 1 } map { slurp($_) =~ /\{ ngx_string\("(render_\w+)"\),\s+NULL,/g } glob "$top/ngx_module/*.c";
my ($list) = $doc =~ /^## Embedded variables\n(.*)/ms;
is_deeply { map { $_ => 1 } $list =~ /^`\$(render_\w+)`$/mg }, \%variable, 'every variable is told, and no other';
cmp_ok scalar keys %variable, '>=', 4, 'there are some';

done_testing;
