// SPDX-License-Identifier: Apache-2.0
using System.Reflection;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Recovery.Sides;
using Lifeboat.Sites;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>A site for runs: its instances are of a real cloud, its views are of a real NBD server, and definitions,
/// epochs and points of the double that it stands before.</summary>
public class CloudSide : DispatchProxy
{
    private IOwnSide _double = null!;
    private ISite _site = null!;
    private string _socket = "";
    private string _export = "";

    public static IOwnSide Of(IOwnSide inner, ISite site, string socket, string export)
    {
        var side = Create<IOwnSide, CloudSide>();
        var proxy = (CloudSide)(object)side;
        (proxy._double, proxy._site, proxy._socket, proxy._export) = (inner, site, socket, export);
        return side;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name switch
    {
        nameof(IOwnSide.StartAsync) => _site.StartAsync((StartRequest)args![0]!, Ct(args)),
        nameof(IOwnSide.RemoveAsync) => _site.RemoveAsync((string)args![0]!, Ct(args)),
        nameof(IOwnSide.StopAsync) => _site.StopAsync((string)args![1]!, Ct(args)),
        nameof(IOwnSide.FitAsync) =>
            _site.FitAsync((IReadOnlyList<InstanceDescription>)args![0]!, (bool)args[1]!, Ct(args)),
        nameof(IOwnSide.OpenViewAsync) => ViewAsync((string)args![0]!, (ViewRequest)args[1]!, Ct(args)),
        nameof(IOwnSide.Ability) => targetMethod.GetGenericArguments()[0].IsInstanceOfType(_site) ? _site : null,
        _ => targetMethod.Invoke(_double, BindingFlags.DoNotWrapExceptions, null, args, null),
    };

    private static CancellationToken Ct(object?[] args) => (CancellationToken)args[^1]!;

    private async Task<ViewInfo> ViewAsync(string group, ViewRequest request, CancellationToken ct)
    {
        var view = await _double.OpenViewAsync(group, request, ct);
        return view with { Volumes = [.. view.Volumes.Select(v => v with { Socket = _socket, Export = _export })] };
    }
}
