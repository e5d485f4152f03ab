// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Description;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api.Requests;

/// <summary>A query parameter that is read by something else than the endpoint's own delegate.</summary>
internal sealed record QueryParameter(string Name, Type Type, string Description);

/// <summary>The query parameters of an endpoint, by name: its delegate's, and those declared as metadata.</summary>
internal static class KnownParameters
{
    private static readonly ConditionalWeakTable<Endpoint, Dictionary<string, Type>> Known = [];

    public static IReadOnlyDictionary<string, Type> Of(RouteEndpoint endpoint) => Known.GetValue(endpoint, Read);

    private static Dictionary<string, Type> Read(Endpoint endpoint)
    {
        var route = ((RouteEndpoint)endpoint).RoutePattern;
        var known = new Dictionary<string, Type>(StringComparer.OrdinalIgnoreCase);
        foreach (var parameter in endpoint.Metadata.OfType<IParameterBindingMetadata>())
        {
            var type = parameter.ParameterInfo.ParameterType;
            var single = parameter.HasTryParse || type == typeof(string);
            if (single && route.GetParameter(parameter.Name) is null)
                known[parameter.Name] = Nullable.GetUnderlyingType(type) ?? type;
        }
        if (endpoint.Metadata.GetMetadata<ApiOperation>() is { Method: not "GET" })
            known[DryRunAnswer.Parameter] = typeof(bool);
        foreach (var declared in endpoint.Metadata.OfType<QueryParameter>()) known[declared.Name] = declared.Type;
        return known;
    }
}
