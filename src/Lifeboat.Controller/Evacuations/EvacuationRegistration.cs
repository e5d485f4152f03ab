// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Recovery.Evacuations;
using Microsoft.Extensions.DependencyInjection;

namespace Lifeboat.Controller.Evacuations;

internal static class EvacuationRegistration
{
    /// <summary>What evacuations are made of.</summary>
    public static void AddEvacuations(this IServiceCollection services)
    {
        services.AddSingleton<EvacuationStore>()
            .AddSingleton<IEvacuationStore>(p => p.GetRequiredService<EvacuationStore>())
            .AddSingleton<IEvacuationRuns, EvacuationRuns>().AddSingleton<Evacuator>()
            .AddSingleton<EvacuationPlanner>().AddSingleton<EvacuationEvents>().AddSingleton<EvacuationAlerts>()
            .AddSingleton<EvacuationEndpoints>();
        services.AddSingleton<IWatcher>(p => p.GetRequiredService<EvacuationEvents>())
            .AddSingleton<IWatcher>(p => p.GetRequiredService<EvacuationAlerts>());
        services.AddSingleton<IRaisesAlerts>(p => p.GetRequiredService<EvacuationAlerts>());
        services.AddHostedService<EvacuationHost>();
    }
}
