// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using Lifeboat.Contracts.Sites;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Testing.Field;

/// <summary>
/// Cuts two sites off from each other while both live: packets to and from their listeners are answered with a reset
/// until it is disposed. Guests and the unix sockets of the command are left alone. Needs root, as network
/// namespaces do.
/// </summary>
public sealed class FieldPartition : IAsyncDisposable
{
    private readonly string _table;

    private FieldPartition(string table) => _table = table;

    public static async Task<FieldPartition> BetweenAsync(FieldPair pair, CancellationToken ct)
    {
        var ports = string.Join(", ", new[] { pair.A, pair.B }.SelectMany(Ports));
        var table = $"lifeboat_test_{Environment.ProcessId}_{ports.Split(',')[0]}";
        await HostCommand.MustAsync("nft", [$"add table inet {table}"], ct);
        var partition = new FieldPartition(table);
        try
        {
            await HostCommand.MustAsync("nft",
                [$"add chain inet {table} out {{ type filter hook output priority 0; policy accept; }}"], ct);
            foreach (var end in new[] { "dport", "sport" })
                await HostCommand.MustAsync("nft",
                    [$"add rule inet {table} out tcp {end} {{ {ports} }} reject with tcp reset"], ct);
            return partition;
        }
        catch
        {
            await partition.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync() =>
        await HostCommand.RunAsync("nft", [$"delete table inet {_table}"], CancellationToken.None);

    private static IEnumerable<string> Ports(FieldSite site)
    {
        var configuration = SiteConfiguration.Read(site.Directory);
        return new[] { configuration.ControllerListen, configuration.LinkListen }
            .Select(l => IPEndPoint.Parse(l).Port.ToString(CultureInfo.InvariantCulture));
    }
}
