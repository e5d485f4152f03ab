// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Compute;

/// <summary>Looks at a server until what was asked of it is done.</summary>
internal sealed class ServerWait(NovaClient nova, TimeProvider time)
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <param name="status">E.g. `ACTIVE`.</param>
    /// <exception cref="CloudException">BuildFailed, NoValidHost, QuotaExceeded…: it is in ERROR, with all that Nova
    /// lists; NotFound: it is gone; TooSlow: it is still on its way.</exception>
    public async Task<NovaServer> UntilAsync(string id, string status, TimeSpan limit, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var server = await nova.FindServerAsync(id, ct)
                ?? throw new CloudException(CloudFault.NotFound, $"server {id} is gone while it was waited for");
            if (server.Status == status && server.TaskState is null) return server;
            // While something is being done with it, an old ERROR says nothing.
            if (server.Status == "ERROR" && server.TaskState is null) throw await FailedAsync(server, ct);
            if (time.GetElapsedTime(start) >= limit)
                throw new CloudException(CloudFault.TooSlow, $"server {server.Name} ({id}) is {server.Status}"
                    + $"{(server.TaskState is { } task ? $", {task}" : "")} after {limit.TotalSeconds:0} s, "
                    + $"not {status}") { MaybeDone = true };
            await Task.Delay(Look, time, ct);
        }
    }

    /// <summary>Returns once it is gone, also when it never was there.</summary>
    public async Task UntilGoneAsync(string id, TimeSpan limit, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (await nova.FindServerAsync(id, ct) is { Status: not "DELETED" } server)
        {
            if (time.GetElapsedTime(start) >= limit)
                throw new CloudException(CloudFault.TooSlow,
                    $"server {server.Name} ({id}) is still {server.Status} {limit.TotalSeconds:0} s after its removal");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task<CloudException> FailedAsync(NovaServer server, CancellationToken ct)
    {
        var faults = await nova.FaultsAsync(server, ct);
        var reason = faults.Select(ErrorBody.OfText).FirstOrDefault(r => r is not null) ?? CloudFault.BuildFailed;
        return new CloudException(reason, $"server {server.Name} ({server.Id}) is in ERROR: "
            + (faults.Count == 0 ? "Nova lists no fault" : string.Join("; ", faults)));
    }
}
