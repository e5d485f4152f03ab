// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Runtime.CompilerServices;
using OpenTelemetry;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Lifeboat.Contracts.Sites;

/// <summary>Sends spans by OTLP where the site or the environment says so; else nothing is recorded.</summary>
public static class Tracing
{
    private const string Variable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <param name="role">`controller` or `agent`.</param>
    /// <returns>To be disposed of when the process ends: what is not sent yet is sent then. Null: off.</returns>
    public static IDisposable? Start(SiteConfiguration site, string role, string version)
    {
        var fromEnvironment = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 };
        return site.TraceEndpoint is null && !fromEnvironment ? null : StartAsked(site, role, version);
    }

    // By itself: whoever does not ask for it does not load its libraries.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TracerProvider StartAsked(SiteConfiguration site, string role, string version)
    {
        // Else a span of a request does not say which one it is of.
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", false);
        return Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(r => r.AddService($"lifeboat-{role}", "lifeboat", version, autoGenerateServiceInstanceId:
                false, $"{site.Name}/{site.Host}"))
            .SetSampler(new ParentBasedSampler(new Asked()))
            .AddSource("Lifeboat.*", "Microsoft.AspNetCore", "System.Net.Http")
            .AddOtlpExporter(o =>
            {
                if (site.TraceEndpoint is { } endpoint) o.Endpoint = new Uri(endpoint);
            })
            .Build();
    }

    /// <summary>What begins with somebody's request, and runs. Not what the processes of a site ask each other every
    /// other second of their own accord: those begin with a client's span.</summary>
    private sealed class Asked : Sampler
    {
        public override SamplingResult ShouldSample(in SamplingParameters samplingParameters) =>
            new(samplingParameters.Kind is ActivityKind.Client ? SamplingDecision.Drop
                : SamplingDecision.RecordAndSample);
    }
}
