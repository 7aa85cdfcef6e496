# Debian's nchan brings another hiredis, whose symbols all modules of the process can see. Loaded
# before ours or behind it, both speak with Redis as if the other were not there.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use HTTP::Tiny;
use Test::More;

use Render::Test;

my $ours  = abs_path($ENV{RENDER_BUILD} || 'build') . '/ngx_http_render_module.so';
my $nchan = '/usr/lib/nginx/modules/ngx_nchan_module.so';

plan skip_all => 'no nchan here (Debian: libnginx-mod-nchan)' if !-e $nchan;
plan skip_all => 'nchan knows no sanitizer' if $ENV{RENDER_ASAN};

my @exported = `nm -D --defined-only '$nchan'` =~ / T (redis\w+)$/gm;
cmp_ok scalar(@exported), '>', 50, 'nchan exports a hiredis';
is_deeply [grep { !/\A(?:ngx_modules|ngx_module_names|ngx_module_order|ngx_http_render_module)\z/ } `nm -D --defined-only '$ours'` =~ / [A-Z] (\w+)$/gm],
    [], 'we export nothing but what nginx looks for';

for my $order (['before', $nchan, $ours], ['behind', $ours, $nchan]) {
    my ($where, @modules) = @$order;
    my $s = Render::Test->start(workers => 1, slots => 1, nginx_workers => 1, env => { RENDER_LOAD => join ':', @modules },
        http_conf => 'render_bcrypt_cost 5;');
    my ($redis) = do { local @ARGV = ($s->home . '/redis/port'); <> =~ /(\d+)/ };
    $s->conf(extra => <<"CONF");
location = /pub { nchan_publisher; nchan_channel_id test; nchan_redis_url redis://127.0.0.1:$redis; nchan_use_redis on; }
location = /sub { nchan_subscriber; nchan_channel_id test; nchan_redis_url redis://127.0.0.1:$redis; nchan_use_redis on; }
CONF
    $s->reload;

    my $u = $s->signup;
    my $r = $s->req(POST => '/compositions', token => $u->{token}, json => { timeline => { width => 64, height => 48, fps => 10, tracks => [{ clips =>
        [map { { asset => { type => 'color', color => $_ }, duration => 1 } } '#100', '#200', '#300'] }] } });
    is $r->{status}, 202, "nchan $where: a job";
    my @events;
    is $s->wait_job($u->{token}, $r->{json}{job_id}, events => \@events)->{status}, 'completed', 'is done';
    ok scalar(grep({ ($_->{type} // '') eq 'progress' } @events)), 'and its progress came from Redis'
        or diag explain \@events;
    my ($rung) = $s->redis(qw(XINFO STREAM queue.json2video.default)) =~ /^entries-added\n(\d+)/m;
    ok $rung, 'where a bell was rung for it';
    is $s->req(GET => '/health/ready')->{json}{redis}, 'ok', 'which is there';

    my $http = HTTP::Tiny->new(timeout => 10, proxy => undef, http_proxy => undef);
    wait_until(sub { $http->post($s->url . '/pub', { content => 'hello' })->{status} =~ /\A20[12]\z/ }, 10, 'nchan');
    is $http->get($s->url . '/sub')->{content}, 'hello', 'nchan has its own way to Redis';
    cmp_ok $s->redis(qw(KEYS *test*)), 'ne', '', 'which leads there';
    $s->stop;
}

done_testing;
