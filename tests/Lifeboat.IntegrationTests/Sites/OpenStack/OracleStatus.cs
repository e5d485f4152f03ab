// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>What the oracle's guest tells of itself over HTTP.</summary>
internal static class OracleStatus
{
    public static async Task<long> RecordsAsync(string address, CancellationToken ct) =>
        long.Parse((await AskAsync(address, ct))["records"], CultureInfo.InvariantCulture);

    public static Task UntilWritesAsync(string address, CancellationToken ct) => Patience.UntilAsync(
        $"the oracle at {address} writes",
        async () => (await AskAsync(address, ct)).GetValueOrDefault("state") == "writing");

    /// <returns>Empty: it does not answer.</returns>
    private static async Task<Dictionary<string, string>> AskAsync(string address, CancellationToken ct)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        try
        {
            var text = await http.GetStringAsync(new Uri($"http://{address}:8080/"), ct);
            return text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(' ', 2))
                .Where(l => l.Length == 2).ToDictionary(l => l[0], l => l[1].Trim());
        }
        catch (Exception e) when (e is HttpRequestException || e is TaskCanceledException
            && !ct.IsCancellationRequested)
        {
            return [];
        }
    }
}
