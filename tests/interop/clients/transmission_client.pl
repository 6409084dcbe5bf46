# Adds, changes and removes a torrent through Debian's Transmission::Client, and prints what it sees.
use strict;
use warnings;
use Transmission::Client;

my ($url, $password, $torrent, $dir) = @ARGV;
my $client = Transmission::Client->new(
    url => $url, username => "anyone", password => $password, autodie => 1,
);
$client->add(filename => $torrent, download_dir => $dir, paused => 1);
$client->read_torrents(eager_read => 1);
my ($added) = @{ $client->torrents };
printf "%s %d %s\n", $added->name, $added->total_size, $added->files->[0]->name;
$added->upload_limit(20);
$added->upload_limited(1);
$added->start;
$client->session->speed_limit_down(123);
printf "%d torrents in %s\n", $client->session->stats->torrent_count, $client->session->download_dir;
# The test looks at the daemon, then says that it did.
$| = 1;
print "changed\n";
<STDIN>;
$client->remove(ids => $added->id);
printf "%d left\n", scalar @{ $client->read_torrents };
