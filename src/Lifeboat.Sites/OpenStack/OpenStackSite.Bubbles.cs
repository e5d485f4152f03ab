// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack;

internal sealed partial class OpenStackSite : IMakesBubbles
{
    public Task CreateBubbleAsync(string bubble, IReadOnlyList<InstanceDescription> members, CancellationToken ct) =>
        AloneAsync(BubbleGate(bubble), async () =>
        {
            await _bubbles.CreateAsync(bubble, members, await _cloud.InventoryAsync(ct), _options.Map, ct);
            LogBubbleMade(bubble);
            return true;
        }, ct);

    public Task<string> OpenWayInAsync(string bubble, string instance, int port, string from, CancellationToken ct) =>
        AloneAsync(BubbleGate(bubble), async () =>
        {
            var copy = (await CopiesAsync(bubble, ct)).FirstOrDefault(c => ServerNames.Tagged(c) == instance)
                ?? throw new SiteException(SiteFault.NetworkUnknown,
                    $"there is no instance '{instance}' in a bubble '{bubble}'");
            var way = await _ways.OpenAsync(bubble, await _bubbles.OfAsync(bubble, ct), copy, instance, port, from, ct);
            LogBubbleWayOpened(bubble, instance, port, from, way);
            return way;
        }, ct);

    public Task DeleteBubbleAsync(string bubble, CancellationToken ct) =>
        AloneAsync(BubbleGate(bubble), async () =>
        {
            await _ways.CloseAsync(bubble, ct);
            foreach (var copy in await CopiesAsync(bubble, ct)) await RemoveAsync(ServerNames.Tagged(copy)!, ct);
            await _ways.DropGroupsAsync(bubble, ct);
            await _bubbles.DeleteAsync(bubble, ct);
            LogBubbleDeleted(bubble);
            return true;
        }, ct);

    public Task<IReadOnlyList<string>> TracesAsync(string bubble, CancellationToken ct) => AskAsync(async () =>
        (IReadOnlyList<string>)
        [
            .. (await CopiesAsync(bubble, ct)).Select(s => $"server {s.Name} ({s.Id})"),
            .. (await _volumes.OfBubbleAsync(bubble, ct)).Select(v => $"volume {v}"),
            .. await _bubbles.LeftAsync(bubble, ct),
            .. await _ways.LeftAsync(bubble, ct),
        ]);

    // No instance has a slash in its name.
    private static string BubbleGate(string bubble) => "bubble/" + bubble;

    private async Task<IReadOnlyList<NovaServer>> CopiesAsync(string bubble, CancellationToken ct) =>
        [.. (await _cloud.Nova.ServersAsync(ct)).Where(s => Bubbles.IsIn(s, bubble)
            && ServerNames.Tagged(s) is not null)];

    [LoggerMessage(EventIds.CloudBubbleMade, LogLevel.Information, "Made the isolated networks of {Bubble}")]
    private partial void LogBubbleMade(string bubble);

    [LoggerMessage(EventIds.CloudBubbleWayOpened, LogLevel.Information,
        "{Bubble}: port {Port} of {Instance} is reached at {Way} from {From}")]
    private partial void LogBubbleWayOpened(string bubble, string instance, int port, string from, string way);

    [LoggerMessage(EventIds.CloudBubbleDeleted, LogLevel.Information, "Deleted the isolated networks of {Bubble}")]
    private partial void LogBubbleDeleted(string bubble);
}
