// SPDX-License-Identifier: Apache-2.0
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>What happens at the site, until the caller or the controller goes away.</summary>
    /// <param name="after">Everything behind this number first; null: only what happens from now on.</param>
    public async IAsyncEnumerable<SiteEvent> WatchEventsAsync(long? after,
        [EnumeratorCancellation] CancellationToken ct)
    {
        using var answer = await SendAsync(HttpMethod.Get,
            "v1/events/stream" + (after is { } number ? $"?after={number}" : ""), null,
            HttpCompletionOption.ResponseHeadersRead, ct);
        await using var stream = await answer.Content.ReadAsStreamAsync(ct);
        var events = SseParser.Create(stream, (_, data) =>
            JsonSerializer.Deserialize<SiteEvent>(data, ContractJson.Answers)!);
        await foreach (var happened in events.EnumerateAsync(ct)) yield return happened.Data;
    }
}
